// One note: its text, what was found in it, and whether that is right.
import { records } from "./api.js";
import { badge, button, h, heading, link, notify, percent, place, show, table } from "./dom.js";
import { results } from "./search.js";
import { LOOKS, about, category, code, conceptPlace, fieldName, marked, system, trait } from "./words.js";

const VERDICTS = { ACCEPTED: ["Accepted", "good"], REJECTED: ["Rejected", "bad"] };

export async function note({ root, signal }, identity) {
  const asked = new URLSearchParams(location.hash.split("?")[1] ?? ""), at = asked.get("at");
  const answer = await records("GetNote", { NoteId: identity, ...(asked.has("index") ? { IndexId: asked.get("index") } : {}) }, signal);
  const entities = (answer.Entities ?? []).flatMap((one) => [one, ...(one.Attributes ?? [])]).sort((a, b) => a.Begin - b.Begin || b.End - a.End);
  const hidden = new Set();
  const panel = h("aside", { class: "card panel", "aria-live": "polite", "aria-label": "Chosen mention" });
  const text = h("article", { class: "card text", "aria-label": "Text of the note" });
  const marks = new Map();
  let chosen = null;

  function mark(part, entity) {
    const looks = (entity.Traits ?? []).map((name) => LOOKS[name]).filter(Boolean);
    const made = h("span", {
      class: ["entity", `c${category(entity.Category)[1]}`, ...looks].join(" "), role: "button", tabindex: "0", "aria-label": spoken(entity), "aria-pressed": "false", data: { begin: entity.Begin },
      onclick: () => choose(entity),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(entity); } },
    }, part);
    marks.set(entity, made);
    dress(entity);
    return made;
  }

  function spoken(entity) {
    const traits = (entity.Traits ?? []).map(trait);
    return [entity.Text, category(entity.Category)[0].toLowerCase(), ...traits].join(", ");
  }

  function dress(entity) {
    const made = marks.get(entity);
    made.classList.toggle("rejected", entity.Verdict === "REJECTED");
    made.classList.toggle("accepted", entity.Verdict === "ACCEPTED");
  }

  function choose(entity) {
    marks.get(chosen)?.setAttribute("aria-pressed", "false");
    chosen = entity;
    marks.get(entity)?.setAttribute("aria-pressed", "true");
    show(panel, ...details(entity));
  }

  function details(entity) {
    const concepts = entity.Concepts ?? [];
    return [
      h("h2", { class: (entity.Traits ?? []).includes("NEGATION") ? "negated" : false }, entity.Text),
      h("p", { class: "outcome" }, h("span", { class: `badge kind c${category(entity.Category)[1]}` }, category(entity.Category)[0]), (entity.Traits ?? []).map((name) => badge(trait(name))), h("span", { class: "mute" }, `certainty ${percent(entity.Score, 0)}`)),
      entity.Section ? h("p", { class: "mute" }, `In the section ${entity.Section}`) : null,
      concepts.length ? h("ul", { class: "codes" }, concepts.map((one) => h("li", {}, link(one.Display, conceptPlace(one.ConceptId), { title: "Notes with this concept" }), h("span", { class: "mute" }, `${system(one.System)} ${one.Code}`)))) : h("p", { class: "mute" }, "No code"),
      concepts.length ? h("div", { class: "verdicts" }, verdict(entity, "ACCEPTED", "Accept", "a"), verdict(entity, "REJECTED", "Reject", "r")) : null,
      concepts.length ? h("p", { class: "mute", id: "opinions" }, opinions(entity)) : null,
    ].filter(Boolean);
  }

  const opinions = ({ Accepted = 0, Rejected = 0 }) => (Accepted + Rejected ? `Accepted by ${Accepted}, rejected by ${Rejected}` : "Nobody has judged it yet");

  const verdict = (entity, name, label, key) => h("button", {
    type: "button", class: `button verdict ${name === "ACCEPTED" ? "good" : "bad"}`, "aria-pressed": String(entity.Verdict === name), "aria-keyshortcuts": key, data: { verdict: name, key: `verdict-${name}` },
    onclick: () => judge(entity, entity.Verdict === name ? "NONE" : name),
  }, label, h("kbd", { "aria-hidden": "true" }, key.toUpperCase()));

  async function judge(entity, value) {
    try {
      const kept = await records("JudgeEntity", { IndexId: answer.IndexId, NoteId: identity, Begin: entity.Begin, End: entity.End, ConceptId: entity.Concepts[0].ConceptId, Verdict: value });
      Object.assign(entity, kept);
      dress(entity);
      if (chosen === entity) show(panel, ...details(entity));
      drawTable();
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  const list = h("div", {});
  function drawTable() {
    show(list, h("div", { class: "card table" }, table(["Mention", "Kind", "Stated", "Code", ">Certainty", "Judged"], entities.map((one) => [
      h("button", { type: "button", class: "link", data: { key: `row-${one.Begin}` }, onclick: () => { choose(one); marks.get(one)?.scrollIntoView({ block: "center" }); } }, one.Text), category(one.Category)[0], (one.Traits ?? []).map(trait).join(", "),
      one.Concepts?.[0] ? code(one.Concepts[0].ConceptId) : "–", percent(one.Score, 0), VERDICTS[one.Verdict] ? badge(...VERDICTS[one.Verdict]) : "",
    ]), "What was found in the note")));
  }

  function drawText() {
    marks.clear();
    const shown = entities.filter((one) => !hidden.has(one.Category));
    show(text, ...marked(answer.Text, shown, mark));
    if (chosen && marks.has(chosen)) marks.get(chosen).setAttribute("aria-pressed", "true");
  }

  const kinds = [...new Set(entities.map((one) => one.Category))];
  const legend = h("fieldset", { class: "legend" }, h("legend", { class: "unseen" }, "Mentions that are marked"),
    kinds.map((name) => h("label", { class: `c${category(name)[1]}` }, h("input", { type: "checkbox", checked: true, value: name, onchange: (event) => { event.target.checked ? hidden.delete(name) : hidden.add(name); drawText(); } }), h("i", { "aria-hidden": "true" }), category(name)[0])),
    Object.entries(LOOKS).filter(([name]) => entities.some((one) => (one.Traits ?? []).includes(name))).map(([name, look]) => h("span", {}, h("span", { class: `entity c7 ${look}`, "aria-hidden": "true" }, "abc"), ` ${trait(name)}`)));

  function step(by) {
    const order = [...marks.keys()];
    if (!order.length) return;
    const at = order.indexOf(chosen);
    const next = order[at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length];
    choose(next);
    marks.get(next).focus();
  }
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (chosen?.Concepts?.length && event.key === "a") judge(chosen, chosen.Verdict === "ACCEPTED" ? "NONE" : "ACCEPTED");
    else if (chosen?.Concepts?.length && event.key === "r") judge(chosen, chosen.Verdict === "REJECTED" ? "NONE" : "REJECTED");
    else return;
    event.preventDefault();
  }, { signal });

  show(panel, h("p", { class: "mute" }, entities.length ? "Choose a marked mention to see its codes and to judge it." : "Nothing was found in this note."), h("p", { class: "keys" }, ["N", "P"].map((key) => h("kbd", {}, key)), h("span", { class: "mute" }, "next and previous mention")));
  drawText();
  drawTable();
  show(root, h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("ol", {}, h("li", {}, link("Search", "#/", { onclick: results })))), h("div", { class: "title tight" }, h("div", {}, heading(answer.Title), about(answer)),
      h("div", { class: "actions" }, link("Graph", place("graph", "note", answer.NoteId), { class: "button slim" }), answer.Patient ? link("Timeline", place("patients", answer.Patient), { class: "button slim" }) : null)),
    answer.Fields?.length ? h("dl", { class: "fields" }, answer.Fields.map((one) => h("div", {}, h("dt", {}, fieldName(one.Name)), h("dd", {}, one.Value)))) : null,
    entities.length ? legend : null, h("div", { class: "reader" }, text, panel),
    entities.length ? h("section", { "aria-labelledby": "mentions" }, h("h2", { id: "mentions" }, "What was found"), list) : null);
  const wanted = at === null ? null : entities.find((one) => marks.has(one) && one.Begin <= Number(at) && Number(at) < one.End);
  if (wanted) choose(wanted);
  requestAnimationFrame(() => wanted && marks.get(wanted)?.scrollIntoView({ block: "center" }));
}
