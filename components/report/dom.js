// Elements, words and numbers. Text from outside only ever becomes a text node or an attribute value.

/** Make an element: `on...` attributes are listeners, `vars` CSS variables, `data` data attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SIGNS = { good: "✓ ", bad: "✕ ", warn: "! " };

/** A word whose tone also shows as a sign, never as colour alone. */
export function badge(text, tone = "plain") {
  const sign = SIGNS[tone] ? h("span", { "aria-hidden": "true" }, SIGNS[tone]) : null;
  return h("span", { class: `badge ${tone}` }, sign, text);
}

export function bar(value, colour = 0) {
  return h("span", { class: `bar c${colour}`, vars: { "--v": value ?? 0 } });
}

export function note(text, tone = "plain") {
  return h("p", { class: `note ${tone}`, role: tone === "plain" ? false : "note" }, text);
}

export function link(text, href, attributes = {}) {
  return h("a", { href, ...attributes }, text);
}

export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", class: "button", onclick, ...attributes }, text);
}

/** What stands where there is nothing yet: what it would be, and how to get it. */
export function empty(title, text, ...actions) {
  return h("div", { class: "empty" }, h("h3", {}, title), h("p", {}, text), actions.length ? h("div", { class: "actions" }, actions) : null);
}

export function numbers(items) {
  return h("dl", { class: "numbers" }, items.map(([label, value, detail]) =>
    h("div", {}, h("dt", {}, label), h("dd", {}, h("strong", {}, value), detail ? h("span", {}, detail) : null))));
}

/** A table of `columns` (names; a leading ">" sets one flush right) and rows of nodes or texts. */
export function table(columns, rows, label) {
  const right = columns.map((name) => name.startsWith(">"));
  return h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    h("table", { "aria-label": label },
      h("thead", {}, h("tr", {}, columns.map((name, i) => h("th", { scope: "col", class: right[i] && "num" }, name.replace(/^>/, ""))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => h("td", { class: right[i] && "num" }, cell ?? "–")))))));
}

const SVG = "http://www.w3.org/2000/svg";

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const count = (value) => (value ?? 0).toLocaleString("en");
export const share = (value, digits = 3) => (value === undefined || value === null ? "–" : value.toFixed(digits));
export const percent = (value, digits = 1) => (value === undefined || value === null ? "–" : `${(100 * value).toFixed(digits)} %`);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A timestamp of an answer, which counts seconds or is written in ISO 8601. */
export const time = (value) => (typeof value === "number" ? new Date(value * 1000) : new Date(value));

export function moment(value) {
  if (value === undefined || value === null) return "–";
  const shown = time(value);
  return h("time", { datetime: shown.toISOString(), title: shown.toISOString() },
    shown.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }));
}

/** Replace what `root` shows, and leave the focus and the place of scrolling where they were. */
export function show(root, ...nodes) {
  const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const { scrollX, scrollY } = window;
  root.replaceChildren(...nodes.flat().filter(Boolean));
  if (key) root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  window.scrollTo(scrollX, scrollY);
}

/** Show a message where every view and every screen reader can notice it. */
export function notify(text, tone = "plain") {
  const line = h("p", { class: `note ${tone}` }, text);
  document.getElementById("news").append(line);
  setTimeout(() => line.remove(), tone === "bad" ? 12000 : 5000);
}

/** Wait, unless the view is left. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/** Open a dialog with a title; closes by Escape, by its button, or by what `build(close)` returns. */
export function sheet(title, build) {
  const dialog = document.getElementById("dialog");
  const close = () => dialog.close();
  dialog.setAttribute("aria-label", title);
  dialog.replaceChildren(h("div", { class: "sheet-head" }, h("h2", {}, title), button("✕", close, { class: "button quiet", "aria-label": "Close" })), build(close));
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("button")).focus();
}

export function field(label, control, help) {
  return h("label", { class: "field" }, h("span", {}, label), control, help ? h("small", {}, help) : null);
}

export function crumbs(...steps) {
  return h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("ol", {}, steps.map(([text, href]) => h("li", {}, link(text, href)))));
}

export function heading(title, ...rest) {
  document.title = `${title} · Brume`;
  return h("h1", {}, title, ...rest);
}

export const place = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
