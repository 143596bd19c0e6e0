// The views of the page, by what their addresses look like.
import { note } from "./note.js";
import { search } from "./search.js";
import { start } from "./views.js";

const ROUTES = [
  [/^$/, search],
  [/^concepts\/([^/]+)$/, search],
  [/^notes\/([^/]+)$/, note],
];

/** Which link of the navigation a view without one of its own belongs to. */
const WITHIN = { concepts: "", notes: "" };

start(ROUTES, {
  title: "Records",
  command: "brume records --console",
  here: (path) => {
    const first = path.split("/")[0];
    return `#/${WITHIN[first] ?? first}`;
  },
});
