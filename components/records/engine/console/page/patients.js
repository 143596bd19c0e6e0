// Patients, and what happened to one of them: encounters, conditions, medications and notes, by date.
import { latest, orEmpty, records } from "./api.js";
import { button, count, crumbs, empty, field, h, heading, link, notify, place, plural, s, show, table } from "./dom.js";
import { code, conceptPlace } from "./words.js";

export const KINDS = {
  encounter: ["Encounter", 5], condition: ["Condition", 0], medication: ["Medication", 2], procedure: ["Procedure", 3],
  immunization: ["Immunization", 4], allergy: ["Allergy", 1], note: ["Note", 6],
};
const lived = (one) => [one.Sex, one.Born && `born ${one.Born}`, one.Died && (one.Died === "true" ? "deceased" : `died ${one.Died.slice(0, 10)}`)].filter(Boolean);

export async function patients({ root, signal }) {
  const state = () => history.state?.patients ?? "";
  const box = h("input", { type: "search", id: "query", value: state(), maxlength: 200, autocomplete: "off", "aria-label": "Name or id", placeholder: "name or id" });
  const list = h("div", {}), next = latest(signal);
  let shown = [], token;

  async function load(more = false) {
    const answer = await records("ListPatients", { Text: state(), MaxResults: 50, ...(more ? { NextToken: token } : {}) }, next());
    shown = [...(more ? shown : []), ...(answer.Patients ?? [])];
    token = answer.NextToken;
    draw();
  }

  const again = (more) => load(more).catch((error) => error.name === "AbortError" || notify(error.message, "bad"));

  function draw() {
    show(list, shown.length ? h("div", { class: "card table" }, table(["Patient", "Name", "Sex", "Born", ">Notes", "Last note"], shown.map((one) => [
      link(one.PatientId, place("patients", one.PatientId), { data: { key: one.PatientId } }), one.Name, one.Sex, one.Born, count(one.Notes), one.LastNote?.slice(0, 10),
    ]), "Patients")) : empty("No patient fits", state() ? "Ask for a part of the name or of the id." : "The lake has no patients whose records you may see."),
    token ? h("div", { class: "actions middle" }, button("Show more", () => again(true), { id: "more" })) : null);
  }

  if (!(await orEmpty(root, "Patients", load))) return;
  show(root, h("div", {}, heading("Patients"), h("p", { class: "lead" }, "Choose one to see what happened, by date.")),
    h("form", { class: "ask", role: "search", onsubmit: (event) => {
      event.preventDefault();
      history.replaceState({ ...history.state, patients: box.value.trim() }, "");
      again();
    } }, box, h("button", { class: "button primary" }, "Find")), list);
}

export async function timeline({ root, signal }, identity) {
  const wanted = { Kinds: [], Since: "", Until: "", Text: "" };
  const list = h("div", { class: "flow" }), chart = h("div", {}), chips = h("div", { class: "chips", role: "group", "aria-label": "Kinds" });
  const said = h("p", { class: "total", role: "status" }), next = latest(signal);
  let events = [], counts = [], token, patient;

  async function load(more) {
    const asked = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value.length));
    const answer = await records("GetTimeline", { PatientId: identity, MaxResults: 200, ...asked, ...(more ? { NextToken: token } : {}) }, next());
    events = [...(more ? events : []), ...(answer.Events ?? [])];
    counts = answer.Counts ?? [];
    token = answer.NextToken;
    patient = answer.Patient;
  }

  const again = (more) => load(more).then(draw).catch((error) => error.name === "AbortError" || notify(error.message, "bad"));

  function draw() {
    const total = new Map(), on = (kind) => !wanted.Kinds.length || wanted.Kinds.includes(kind);
    for (const one of counts) total.set(one.Kind, (total.get(one.Kind) ?? 0) + one.Events);
    show(chips, Object.entries(KINDS).filter(([kind]) => total.has(kind) || wanted.Kinds.includes(kind)).map(([kind, [label, colour]]) =>
      h("button", { type: "button", class: `chip c${colour}`, "aria-pressed": String(wanted.Kinds.includes(kind)), data: { kind, key: kind }, onclick: () => {
        wanted.Kinds = wanted.Kinds.includes(kind) ? wanted.Kinds.filter((one) => one !== kind) : [...wanted.Kinds, kind];
        again();
      } }, h("i", { class: "dot", "aria-hidden": "true" }), `${label} `, h("span", { class: "n" }, count(total.get(kind))))));
    const fits = counts.filter((one) => on(one.Kind));
    said.textContent = `${plural(fits.reduce((sum, one) => sum + one.Events, 0), "event")}${token ? `, the last ${count(events.length)} are shown` : ""}`;
    show(chart, years(fits.filter((one) => one.Year)));
    show(list, events.length ? grouped() : empty("Nothing in this time", "Choose other kinds, or another time."),
      token ? h("div", { class: "actions middle" }, button("Show earlier ones", () => again(true), { id: "more" })) : null);
  }

  function grouped() {
    const groups = new Map();
    for (const one of events) {
      const year = one.Date?.slice(0, 4) ?? "Without a date";
      groups.set(year, [...(groups.get(year) ?? []), one]);
    }
    return [...groups].map(([year, some]) => h("section", { class: "card year", "aria-label": year }, h("h2", {}, year), h("ol", { class: "events" }, some.map(event))));
  }

  function event(one) {
    const [label, colour] = KINDS[one.Kind] ?? [one.Kind, 7];
    const title = one.Kind === "note" ? link(one.Title, place("notes", one.Reference)) : one.ConceptId ? link(one.Title, conceptPlace(one.ConceptId), { title: `Notes with ${code(one.ConceptId)}` }) : one.Title;
    const end = one.EndDate?.slice(0, 10);
    return h("li", {}, h("time", one.Date ? { datetime: one.Date.slice(0, 10) } : {}, one.Date?.slice(0, 10) ?? "–"),
      h("span", { class: `badge kind c${colour}` }, label), h("span", { class: "what" }, title),
      h("span", { class: "mute" }, [end && end !== one.Date?.slice(0, 10) && `until ${end}`, one.Status].filter(Boolean).join(", ")));
  }

  const narrow = (name, attributes) => h("input", { ...attributes, onchange: (event) => { wanted[name] = event.target.value.trim(); again(); } });
  if (!(await orEmpty(root, "Patient", load))) return;
  const title = patient.Name ?? patient.PatientId;
  show(root, crumbs(["Patients", "#/patients"]),
    h("div", { class: "title" }, h("div", {}, heading(title), h("p", { class: "line" }, [patient.Name && patient.PatientId, ...lived(patient)].filter(Boolean).map((part) => h("span", {}, part)))),
      h("div", { class: "actions" }, link("Graph", place("graph", "patient", identity), { class: "button" }))),
    chips, h("div", { class: "narrow-by" }, field("From", narrow("Since", { type: "date", id: "since" })), field("To", narrow("Until", { type: "date", id: "until" })), field("Title or code", narrow("Text", { type: "search", id: "text", maxlength: 200, autocomplete: "off" }))),
    chart, said, list);
  draw();
}

/** Events of each year as a bar, its kinds one above the other. */
function years(counts) {
  if (!counts.length) return null;
  const known = counts.map((one) => Number(one.Year)), first = Math.min(...known), last = Math.max(...known);
  const width = Math.max(280, document.getElementById("view").clientWidth - 44), height = 130, foot = 22, edge = 16, wide = (width - 2 * edge) / (last - first + 1);
  const sums = new Map();
  for (const one of counts) sums.set(Number(one.Year), (sums.get(Number(one.Year)) ?? 0) + one.Events);
  const most = Math.max(...sums.values()), tall = (events) => (events / most) * (height - foot - 6);
  const spoken = [...sums].sort(([a], [b]) => a - b).map(([year, sum]) => `${year}: ${sum}`).join(", ");
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Events by year. ${spoken}` });
  const top = new Map();
  for (const kind of Object.keys(KINDS)) {
    for (const one of counts.filter((each) => each.Kind === kind)) {
      const year = Number(one.Year), under = top.get(year) ?? 0, size = tall(one.Events), thick = Math.min(wide * 0.8, 40);
      svg.append(s("rect", { class: `column c${KINDS[kind][1]}`, x: edge + (year - first + 0.5) * wide - thick / 2, width: thick, y: height - foot - under - size, height: size }, s("title", {}, `${one.Year}: ${plural(one.Events, KINDS[kind][0].toLowerCase())}`)));
      top.set(year, under + size);
    }
  }
  const every = Math.ceil(50 / wide);
  for (let year = first; year <= last; year += every) svg.append(s("text", { x: edge + (year - first + 0.5) * wide, y: height - 6, "text-anchor": "middle" }, String(year)));
  return h("div", { class: "card figure years-chart" }, svg);
}
