// The engine, as this page asks it.
import { call } from "./calls.js";

/** Call an operation of the service `brumerecords`. */
export const records = call("brumerecords");
