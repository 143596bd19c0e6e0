// Which view the address names, and what to do when one fails.
import { Failure } from "./api.js";
import { button, empty, h, heading, show } from "./dom.js";
import { compare } from "./compare.js";
import { dashboard } from "./dashboard.js";
import { model } from "./model.js";
import { project } from "./project.js";
import { projects } from "./projects.js";
import { trial } from "./trial.js";
import { start } from "./start.js";
import { verify } from "./verify.js";

const ROUTES = [
  [/^$/, projects],
  [/^dashboard$/, dashboard],
  [/^projects\/([^/]+)$/, project],
  [/^projects\/([^/]+)\/models\/([^/]+)$/, model],
  [/^projects\/([^/]+)\/try\/([^/]+)$/, start],
  [/^projects\/([^/]+)\/compare\/([^/]+)$/, compare],
  [/^trials\/([^/]+)$/, trial],
  [/^trials\/([^/]+)\/verify$/, verify],
];

const root = document.getElementById("view");
let leave = new AbortController();

function ended() {
  return empty("This session has ended", "Print a new address with `brume inspection console` and open it here.");
}

async function go(focus = true) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const path = location.hash.replace(/^#\/?/, "").split("?")[0];
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const item of document.querySelectorAll(".places a")) {
    const here = item.hash === "#/dashboard" ? path === "dashboard" : path !== "dashboard";
    here ? item.setAttribute("aria-current", "page") : item.removeAttribute("aria-current");
  }
  root.setAttribute("aria-busy", "true");
  try {
    const found = ROUTES.map(([pattern, view]) => [pattern.exec(path), view]).find(([match]) => match);
    if (!found) throw new Failure("NotFound", "There is no such page.");
    await found[1]({ root, signal, ready: () => root.removeAttribute("aria-busy") }, ...found[0].slice(1).map(decodeURIComponent));
  } catch (error) {
    if (signal.aborted) return;
    if (error.code === "SessionEnded") show(root, heading("Visual inspection"), ended());
    else show(root, heading("Something is not right"), h("div", { class: "note bad", role: "alert" }, error.message), h("div", { class: "actions" }, button("Try again", () => go())));
  }
  if (signal.aborted) return;
  root.removeAttribute("aria-busy");
  window.scrollTo(0, 0);
  if (focus) root.focus({ preventScroll: true });
}

document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); root.focus(); });
document.getElementById("dialog").addEventListener("click", (event) => event.target === event.currentTarget && event.currentTarget.close());
window.addEventListener("hashchange", () => go());
go(false);
