// The views of the page, by what their addresses look like.
import { audit } from "./audit.js";
import { cohorts, pairs } from "./cohorts.js";
import { graph, graphs } from "./graph.js";
import { work } from "./jobs.js";
import { note } from "./note.js";
import { patients, timeline } from "./patients.js";
import { search } from "./search.js";
import { shell } from "./shell.js";
import { start } from "./views.js";

const ROUTES = [
  [/^$/, search],
  [/^concepts\/([^/]+)$/, search],
  [/^notes\/([^/]+)$/, note],
  [/^patients$/, patients],
  [/^patients\/([^/]+)$/, timeline],
  [/^cohorts$/, cohorts],
  [/^cohorts\/pairs$/, pairs],
  [/^graph$/, graphs],
  [/^graph\/([^/]+)\/([^/]+)$/, graph],
  [/^audit$/, audit],
  [/^jobs$/, work],
];

/** Which link of the navigation a view without one of its own belongs to. */
const WITHIN = { concepts: "", notes: "" };

shell();
start(ROUTES, {
  title: "Records",
  command: "brume records --console",
  here: (path) => {
    const first = path.split("/")[0];
    return `#/${WITHIN[first] ?? first}`;
  },
});
