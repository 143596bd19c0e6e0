// Turns what is heard into signed 16 bit samples of one channel, a tenth of a second at a time.
class Samples extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunk = new Int16Array(Math.round(sampleRate / 10));
    this.filled = 0;
  }

  process([channels]) {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      let value = 0;
      for (const channel of channels) value += channel[i] / channels.length;
      this.chunk[this.filled++] = Math.max(-1, Math.min(1, value)) * 32767;
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("samples", Samples);
