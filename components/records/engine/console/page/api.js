// The engine, as this page asks it.
import { call } from "./calls.js";
import { empty, heading, show } from "./dom.js";

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

/** Do what a view begins with; where there is no lake, or nothing in it for the caller, the view says so. */
export async function orEmpty(root, title, work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!["ResourceNotFoundException", "AccessDeniedException"].includes(error.code)) throw error;
    show(root, heading(title), empty("There is nothing to show", error.message));
    return false;
  }
}
