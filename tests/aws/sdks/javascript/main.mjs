// Calls an engine with AWS's SDK for JavaScript. Reads one JSON object, {call, endpoint, key, secret, ...}, from
// standard input and writes what the SDK gave to standard output.
import { readFileSync } from "node:fs";

const input = JSON.parse(readFileSync(0, "utf8"));
const options = {
  endpoint: input.endpoint,
  region: "eu-west-1",
  credentials: { accessKeyId: input.key, secretAccessKey: input.secret },
  maxAttempts: 1,
};

// JSON has no bytes and no times: both sides write them alike.
function plain(name, value) {
  const raw = this[name];
  if (raw instanceof Date) return { $time: raw.getTime() / 1000 };
  if (raw instanceof Uint8Array) return { $bytes: Buffer.from(raw).toString("base64") };
  return value;
}
function revived(_name, value) {
  if (value && value.$time !== undefined) return new Date(value.$time * 1000);
  if (value && value.$bytes !== undefined) return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  return value;
}

async function send({ service, operation, parameters }, clients) {
  const sdk = await import(`@aws-sdk/client-${service}`);
  const name = Object.keys(sdk).find((one) => /Client$/.test(one) && one !== "__Client");
  const cbor = input.cbor ? { protocol: (await import("@smithy/core/cbor")).SmithyRpcV2CborProtocol } : {};
  clients[service] ??= new sdk[name]({ ...options, ...cbor });
  const command = new sdk[`${operation}Command`](JSON.parse(JSON.stringify(parameters), revived));
  let protocol = "";
  command.middlewareStack.add(
    (next) => (args) => {
      protocol = args.request.headers["smithy-protocol"] ?? args.request.headers["content-type"] ?? "";
      return next(args);
    },
    { step: "finalizeRequest", priority: "low", name: "seeProtocol" },
  );
  try {
    const { $metadata, ...output } = await clients[service].send(command);
    for (const [name, value] of Object.entries(output)) {
      if (value?.transformToByteArray) output[name] = await value.transformToByteArray();
    }
    return { output, protocol };
  } catch (error) {
    return { error: error.name, message: error.message, status: error.$metadata?.httpStatusCode, protocol };
  }
}

// With `inStep` each piece of audio is sent after the result of the one before: both directions are open at once.
async function transcribe({ chunks, parameters, inStep }) {
  const { TranscribeStreamingClient, StartStreamTranscriptionCommand } = await import(
    "@aws-sdk/client-transcribe-streaming"
  );
  const client = new TranscribeStreamingClient(options);
  let heard;
  const result = () => new Promise((resolve) => { heard = resolve; });
  let wait = result();
  async function* audio() {
    for (const chunk of chunks) {
      yield { AudioEvent: { AudioChunk: Buffer.from(chunk, "base64") } };
      if (!inStep) continue;
      await wait;
      wait = result();
    }
  }
  const results = [];
  let session;
  try {
    const answer = await client.send(
      new StartStreamTranscriptionCommand({
        LanguageCode: "en-US", MediaSampleRateHertz: 16000, MediaEncoding: "pcm", ...parameters, AudioStream: audio(),
      }),
    );
    session = answer.SessionId;
    for await (const event of answer.TranscriptResultStream) {
      results.push(...event.TranscriptEvent.Transcript.Results);
      heard();
    }
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    return { session, results, error: error.name, message: error.message, status };
  }
  return { session, results };
}

// Each text is sent after the sound of the one before, by which the answer is seen to come meanwhile.
async function synthesize({ texts, parameters }) {
  const { PollyClient, StartSpeechSynthesisStreamCommand } = await import("@aws-sdk/client-polly");
  const client = new PollyClient(options);
  let heard;
  const sound = () => new Promise((resolve) => { heard = resolve; });
  let wait = sound();
  async function* actions() {
    for (const event of texts) {
      yield { TextEvent: event };
      if (!event.FlushStreamConfiguration?.Force) continue;
      await wait;
      wait = sound();
    }
    yield { CloseStreamEvent: {} };
  }
  const chunks = [];
  let closed;
  try {
    const answer = await client.send(
      new StartSpeechSynthesisStreamCommand({
        Engine: "generative", OutputFormat: "pcm", VoiceId: "Joanna", ...parameters, ActionStream: actions(),
      }),
    );
    for await (const event of answer.EventStream) {
      if (event.StreamClosedEvent) closed = event.StreamClosedEvent;
      if (!event.AudioEvent) continue;
      chunks.push(Buffer.from(event.AudioEvent.AudioChunk).toString("base64"));
      heard();
    }
  } catch (error) {
    return { chunks, closed, error: error.name, message: error.message, status: error.$metadata?.httpStatusCode };
  }
  return { chunks, closed };
}

async function presign({ parameters }) {
  const { PollyClient } = await import("@aws-sdk/client-polly");
  const { getSynthesizeSpeechUrl } = await import("@aws-sdk/polly-request-presigner");
  return { url: await getSynthesizeSpeechUrl({ client: new PollyClient(options), params: parameters }) };
}

const clients = {};
const calls = { transcribe, synthesize, presign };
const given = input.call === "send" ? [] : await calls[input.call](input);
if (input.call === "send") for (const one of input.requests) given.push(await send(one, clients));
process.stdout.write(JSON.stringify(given, plain), () => process.exit(0));  // a pipe takes it in pieces
