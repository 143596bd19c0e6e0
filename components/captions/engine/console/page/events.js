// Amazon's event stream: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html
const TABLE = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const TEXT = new TextEncoder();
const HEADERS = concat([[":message-type", "event"], [":event-type", "AudioEvent"], [":content-type", "application/octet-stream"]].map(([name, value]) => {
  const key = TEXT.encode(name), text = TEXT.encode(value);
  return concat([[key.length], key, [7, text.length >> 8, text.length & 255], text]);
}));

function concat(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

/** Return an AudioEvent with these bytes; without any it ends the audio. */
export function audioEvent(bytes = new Uint8Array()) {
  const frame = new Uint8Array(16 + HEADERS.length + bytes.length), view = new DataView(frame.buffer);
  view.setUint32(0, frame.length);
  view.setUint32(4, HEADERS.length);
  view.setUint32(8, crc32(frame.subarray(0, 8)));
  frame.set(HEADERS, 12);
  frame.set(bytes, 12 + HEADERS.length);
  view.setUint32(frame.length - 4, crc32(frame.subarray(0, -4)));
  return frame;
}

/** Return the headers that are texts, and the content, of a frame that came as an ArrayBuffer. */
export function readEvent(buffer) {
  const view = new DataView(buffer), frame = new Uint8Array(buffer), text = new TextDecoder();
  if (view.getUint32(0) !== frame.length || view.getUint32(frame.length - 4) !== crc32(frame.subarray(0, -4))) throw new Error("The engine sent a damaged event.");
  const headers = {}, end = 12 + view.getUint32(4);
  for (let at = 12; at < end;) {
    const name = text.decode(frame.subarray(at + 1, (at += 1 + frame[at])));
    if (frame[at] !== 7) throw new Error("The engine sent an event of another form.");
    const size = view.getUint16(at + 1);
    headers[name] = text.decode(frame.subarray(at + 3, (at += 3 + size)));
  }
  return { headers, content: JSON.parse(text.decode(frame.subarray(end, -4)) || "{}") };
}
