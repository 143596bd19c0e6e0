// Cohorts: how many patients fulfil conditions, and what they have together.
import { latest, orEmpty, records } from "./api.js";
import { bar, button, count, empty, field, h, heading, link, note, notify, place, show, table } from "./dom.js";
import { csv, save } from "./files.js";
import { finder } from "./finder.js";
import { code } from "./words.js";

const WAYS = { "": "in any way", HAS: "present", HAD: "in the past", FAMILY_HISTORY: "in the family" };
const SEXES = { female: "Women", male: "Men", other: "Other", unknown: "Not known" };
const few = (least) => `fewer than ${least}, or too near another count`;
const tabs = (here) => h("div", { class: "chips", role: "navigation", "aria-label": "Cohorts" }, [["Build a cohort", "#/cohorts"], ["Co-occurrence", "#/cohorts/pairs"]].map(([text, href]) => link(text, href, { class: "chip", "aria-current": here === href ? "page" : false })));

export async function cohorts({ root, signal }) {
  const kept = history.state?.cohort ?? {};
  const wanted = { Include: [], Exclude: [], Sexes: [], FromAge: "", ToAge: "", ...kept };
  const chosen = h("div", { class: "flow" }), result = h("div", { class: "flow", "aria-live": "polite" });
  const next = latest(signal);

  const criterion = (one) => ({ ConceptIds: [one.ConceptId], ...(one.Way ? { Statements: [one.Way] } : {}) });
  const asked = () => ({
    Include: wanted.Include.map(criterion), Exclude: wanted.Exclude.map(criterion), Sexes: wanted.Sexes,
    ...(wanted.FromAge === "" ? {} : { FromAge: Number(wanted.FromAge) }), ...(wanted.ToAge === "" ? {} : { ToAge: Number(wanted.ToAge) }),
  });

  /** What was changed is not counted before it is asked for: each count that is shown limits the next ones. */
  function change() {
    history.replaceState({ ...history.state, cohort: wanted }, "");
    next(); // a count that is under way is of another cohort
    drawChosen();
    result.replaceChildren();
  }

  async function ask() {
    const mine = next();
    result.setAttribute("aria-busy", "true");
    try {
      const answer = await records("CountCohort", asked(), mine);
      drawResult(answer);
    } catch (error) {
      if (mine.aborted) return;
      show(result, h("div", { class: "note bad", role: "alert" }, error.message));
    } finally {
      result.removeAttribute("aria-busy");
    }
  }

  const add = (member) => (one) => {
    if (!wanted[member].some((other) => other.ConceptId === one.ConceptId)) wanted[member] = [...wanted[member], { ConceptId: one.ConceptId, Display: one.Display, Way: "" }];
    change();
  };

  function line(member, one) {
    return h("li", { data: { criterion: one.ConceptId } }, h("span", {}, h("b", {}, one.Display), h("span", { class: "mute" }, ` ${code(one.ConceptId)}`)),
      h("span", { class: "actions tight" }, h("select", { class: "slim", "aria-label": `${one.Display}: how`, data: { key: `${member}-${one.ConceptId}` }, onchange: (event) => { one.Way = event.target.value; change(); } }, Object.entries(WAYS).map(([way, text]) => h("option", { value: way, selected: way === one.Way }, text))),
        button("✕", () => { wanted[member] = wanted[member].filter((other) => other !== one); change(); }, { class: "button quiet", "aria-label": `Remove ${one.Display}` })));
  }

  function drawChosen() {
    show(chosen, ["Include", "Exclude"].filter((member) => wanted[member].length).map((member) => h("div", {}, h("h3", {}, member === "Include" ? "Patients have all of" : "and none of"), h("ul", { class: "offers criteria" }, wanted[member].map((one) => line(member, one))))));
  }

  function drawResult(answer) {
    if (answer.Suppressed) {
      show(result, h("section", { class: "card", "aria-label": "Result" }, h("p", { class: "big", id: "count" }, h("strong", {}, "Not shown")), h("p", {}, `There are fewer than ${answer.Least} such patients, or the count would give away fewer than ${answer.Least} beside one that was shown before.`), h("div", { class: "actions" }, exporter())));
      return;
    }
    const cells = (title, some, names, value) => h("section", { class: "card table", "aria-label": title }, h("h3", {}, title), table([value, ">Patients", "Share"], some.filter((one) => one.Suppressed || one.Patients).map((one) => [names[one.Value] ?? one.Value, one.Suppressed ? h("span", { class: "mute" }, few(answer.Least)) : count(one.Patients), one.Suppressed ? "" : bar(one.Patients / answer.Patients)]), title));
    show(result,
      h("section", { class: "card", "aria-label": "Result" }, h("p", { class: "big", id: "count" }, h("strong", {}, count(answer.Patients)), answer.Patients === 1 ? " patient" : " patients"), h("div", { class: "actions" },
        button("Counts as CSV", () => save("cohort-counts.csv", csv([["Part", "Value", "Patients"], ["All", "", answer.Patients], ...[["Sex", answer.BySex], ["Age", answer.ByAge]].flatMap(([part, some]) => some.map((one) => [part, one.Value, one.Suppressed ? `fewer than ${answer.Least}` : one.Patients]))])), { class: "button slim", id: "counts" }), exporter())),
      h("div", { class: "row" }, cells("By sex", answer.BySex ?? [], SEXES, "Sex"), cells("By age", answer.ByAge ?? [], { unknown: "Not known" }, "Age")));
  }

  const exporter = () => button("Patients as CSV", async () => {
    try {
      const answer = await records("ExportCohort", asked(), signal);
      save("cohort-patients.csv", answer.Csv);
    } catch (error) {
      notify(error.message, "bad");
    }
  }, { class: "button slim", id: "export" });

  const age = (member, label) => field(label, h("input", { type: "number", min: 0, max: 150, id: member, value: wanted[member], onchange: (event) => { wanted[member] = event.target.checkValidity() ? event.target.value : ""; event.target.value = wanted[member]; change(); } }));
  show(root, h("div", {}, heading("Cohorts"), h("p", { class: "lead" }, "How many patients fulfil conditions. Counts under 11 are not shown, nor what would give one away.")), tabs("#/cohorts"),
    h("section", { class: "card flow", "aria-label": "Conditions of the cohort" },
      h("h2", {}, "Who is in it"), finder(add("Include"), signal, "Include", [["Exclude", add("Exclude")]]), chosen,
      h("div", { class: "narrow-by" }, h("fieldset", { class: "choices" }, h("legend", {}, "Sex"), Object.entries(SEXES).map(([sex, text]) => h("label", { class: "inline" }, h("input", { type: "checkbox", value: sex, checked: wanted.Sexes.includes(sex), onchange: (event) => { wanted.Sexes = event.target.checked ? [...wanted.Sexes, sex] : wanted.Sexes.filter((one) => one !== sex); change(); } }), text))), age("FromAge", "Age from"), age("ToAge", "to")),
      h("div", { class: "actions" }, button("Count patients", ask, { class: "button primary", id: "ask" }), button("Clear", () => { Object.assign(wanted, { Include: [], Exclude: [], Sexes: [], FromAge: "", ToAge: "" }); change(); cohorts({ root, signal }); }, { id: "clear" }))),
    result);
  drawChosen();
}

export async function pairs({ root, signal }) {
  const wanted = { Second: "CONDITION", ConceptId: "", Display: "" }, list = h("div", { class: "flow" }), about = h("div", { class: "chips" }), next = latest(signal);

  async function load() {
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await records("ListConceptPairs", { Second: wanted.Second, MaxResults: 100, ...(wanted.ConceptId ? { ConceptId: wanted.ConceptId } : {}) }, next());
      draw(answer.Pairs ?? [], answer);
    } finally {
      list.removeAttribute("aria-busy");
    }
  }

  const again = () => load().catch((error) => error.name === "AbortError" || show(list, h("div", { class: "note bad", role: "alert" }, error.message)));
  const named = (one) => link(one.Display, place("graph", "concept", one.ConceptId), { title: code(one.ConceptId) });

  function draw(found, answer) {
    show(about, wanted.ConceptId ? h("button", { type: "button", class: "chip", "aria-label": `${wanted.Display}: remove`, onclick: () => { wanted.ConceptId = ""; again(); } }, h("b", {}, wanted.Display), h("span", { "aria-hidden": "true" }, " ✕")) : null);
    show(list, found.length ? h("div", { class: "card table" }, h("div", { class: "top-line" }, h("p", { class: "mute" }, answer.Patients ? `Of ${count(answer.Patients)} patients` : ""),
      button("CSV", () => save("co-occurrence.csv", csv([["First", "FirstConcept", "Second", "SecondConcept", "FirstPatients", "SecondPatients", "Patients", "Lift"], ...found.map((one) => [one.First.Display, one.First.ConceptId, one.Second.Display, one.Second.ConceptId, one.FirstPatients, one.SecondPatients, one.Patients, one.Lift.toFixed(3)])])), { class: "button slim", id: "csv" })),
    table(["First", "Second", ">Both", ">First", ">Second", ">Lift"], found.map((one) => [named(one.First), named(one.Second), count(one.Patients), count(one.FirstPatients), count(one.SecondPatients), one.Lift.toFixed(2)]), "Pairs of concepts"))
      : empty("No pair can be shown", `Fewer than ${answer.Least} patients have any two together, or alone, or neither.`));
  }

  const second = h("select", { class: "slim", id: "second", onchange: () => { wanted.Second = second.value; again(); } }, h("option", { value: "CONDITION" }, "two conditions"), h("option", { value: "DRUG" }, "a condition and a drug"));
  if (!(await orEmpty(root, "Co-occurrence", load))) return;
  show(root, h("div", {}, heading("Co-occurrence"), h("p", { class: "lead" }, "What patients have together more often than by chance: a lift of 2 means twice as often. Pairs of few patients are not shown.")), tabs("#/cohorts/pairs"),
    h("div", { class: "card flow" }, h("label", { class: "inline" }, h("span", {}, "Pairs of"), second), finder((one) => { Object.assign(wanted, one); again(); }, signal, "Pairs with it"), about), list);
}
