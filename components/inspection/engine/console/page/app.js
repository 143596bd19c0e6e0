// The views of the page, by what their addresses look like.
import { start as views } from "./views.js";
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

views(ROUTES, {
  title: "Visual inspection",
  command: "brume inspection console",
  here: (path) => (path === "dashboard" ? "#/dashboard" : "#/"),
});
