// One stream: from a microphone or a file over the WebSocket of StartStreamTranscription to results.
import { audioEvent, readEvent } from "./events.js";

const RATE = 16000;

export class Failure extends Error {}

/** Ask this page's own server; `parameters` are sent as JSON. */
export async function ask(address, parameters) {
  let response;
  try {
    response = await fetch(address, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(parameters) });
  } catch {
    throw new Failure("The engine does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const { code, message } = await response.json().catch(() => ({}));
  if (code === "SessionEnded") throw new Failure("This session has ended: print a new address with `brume captions --console` and open it.");
  throw new Failure(message ?? `The engine answered ${response.status}.`);
}

/** Return a node of the microphone, and how to let it go. */
export async function microphone(context) {
  if (!navigator.mediaDevices) throw new Failure("Browsers give the microphone to secure addresses alone: open this page at localhost, or start the engine with --tls.");
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true } });
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Failure("The microphone was refused. Allow it for this address in the browser's settings, or play a file.");
    if (error.name === "NotFoundError") throw new Failure("There is no microphone. Connect one, or play a file.");
    throw new Failure(`The microphone cannot be used: ${error.message}`);
  }
  const release = () => media.getTracks().forEach((track) => track.stop());
  return { node: context.createMediaStreamSource(media), ended: new Promise((resolve) => media.getAudioTracks()[0].addEventListener("ended", resolve)), release };
}

/** Return a node that plays a file, which is heard too. */
export async function played(context, file) {
  let buffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Failure(`${file.name} holds no sound that this browser can play.`);
  }
  const node = new AudioBufferSourceNode(context, { buffer });
  node.connect(context.destination);
  return { node, ended: new Promise((resolve) => { node.onended = resolve; }), release: () => node.stop(), start: () => node.start() };
}

/** Open a stream. `open(context)` returns its source; `parameters` are those of the service.
 *
 * `on.result(result, late)` is called for each result, `late` seconds being how long ago its stream's second 0 was;
 * `on.listening()` once audio is sent. Returns { stop, done }; `done` fails with a `Failure`.
 */
export async function begin(open, parameters, on) {
  const context = new AudioContext({ sampleRate: RATE });
  let source, socket;
  try {
    await context.resume();
    await context.audioWorklet.addModule("assets/worklet.js");
    source = await open(context);
    const { path } = await (await ask("stream", { ...parameters, "media-encoding": "pcm", "sample-rate": String(context.sampleRate) })).json();
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = socket.onerror = () => reject(new Failure("The engine refused the stream, or cannot be reached."));
    });
  } catch (error) {
    source?.release();
    context.close();
    throw error;
  }
  const tap = new AudioWorkletNode(context, "samples", { numberOfOutputs: 0 });
  let began = 0, ending = false, failure = null;
  const stop = () => {
    if (ending) return;
    ending = true;
    source.release();
    tap.port.onmessage = null;
    if (socket.readyState === WebSocket.OPEN) socket.send(audioEvent());
  };
  tap.port.onmessage = ({ data }) => {
    if (!began) {
      began = performance.now() - (1000 * data.length) / context.sampleRate;
      on.listening();
    }
    if (socket.readyState === WebSocket.OPEN) socket.send(audioEvent(new Uint8Array(data.buffer)));
  };
  const done = new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => {
      try {
        const { headers, content } = readEvent(data);
        if (headers[":message-type"] !== "event") failure = new Failure(content.Message ?? content.message ?? headers[":exception-type"]);
        else for (const result of content.Transcript.Results) on.result(result, (performance.now() - began) / 1000);
      } catch (error) {
        failure = error;
        socket.close();
      }
    };
    socket.onclose = ({ code }) => {
      const finished = ending && code === 1000;
      stop();
      context.close();
      if (failure) reject(failure);
      else if (finished) resolve();
      else reject(new Failure(code === 1001 ? "The engine is ending. What was heard until now stays below." : "The connection to the engine was lost. What was heard until now stays below."));
    };
    socket.onerror = null;
  });
  source.ended.then(stop);
  source.node.connect(tap);
  source.start?.();
  return { stop, done };
}
