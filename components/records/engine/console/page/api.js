// The engine, as this page asks it.
import { call } from "./calls.js";

/** Call an operation of the service `brumerecords`. */
export const records = call("brumerecords");

/** Return what gives each request a signal of its own, at which the one before it ends: answers never cross. */
export function latest(signal) {
  let running = new AbortController();
  signal.addEventListener("abort", () => running.abort(), { once: true });
  return () => {
    running.abort();
    running = new AbortController();
    return signal.aborted ? signal : running.signal;
  };
}
