// Jobs of all services, what waits or failed in the indexes, and the quality of the data that went in.
import { records } from "./api.js";
import { badge, count, empty, h, heading, moment, note, numbers, pause, plural, show, table } from "./dom.js";

const KINDS = { SYNC: "Data source", LOAD: "Graph load", ENTITIES: "Entities", IMPORT: "FHIR import", EXPORT: "FHIR export" };
const STATES = { RUNNING: ["Running", "plain"], DONE: ["Done", "good"], PARTIAL: ["Done in part", "warn"], STOPPED: ["Stopped", "plain"], FAILED: ["Failed", "bad"] };

function state(job) {
  const [text, tone] = STATES[job.State] ?? [job.Status, "plain"];
  const sign = badge(text, tone);
  sign.title = job.Status;
  if (job.State === "RUNNING") sign.prepend(h("i", { class: "spin", "aria-hidden": "true" }));
  return h("span", { class: "stated" }, sign, job.Message ? h("span", { class: "why" }, job.Message) : null);
}

function jobs(found) {
  if (!found.length) return empty("No jobs yet", "Sync jobs of Kendra, loads of Neptune, batch jobs of Comprehend Medical, imports and exports of HealthLake are listed here.");
  return h("div", { class: "card table" }, table(["Job", "Of", "State", "Begun", "Ended", "Numbers"], found.map((job) => [
    KINDS[job.Kind] ?? job.Kind, h("span", { class: "long" }, job.Name), state(job), moment(job.Started), moment(job.Ended),
    (job.Counts ?? []).map((one) => `${count(one.Count)} ${one.Count === 1 ? one.Name.replace(/s(?= |$)/, "") : one.Name}`).join(", "),
  ]), "Jobs"));
}

function indexes(found) {
  return h("div", { class: "card table" }, table(["Index", ">Notes", ">Waiting", ">Failed", "Why"], found.map((one) => [
    one.Name, count(one.Notes), count(one.Waiting), count(one.Failed),
    h("ul", { class: "why" }, (one.Reasons ?? []).map((each) => h("li", {}, `${each.Reason} (${count(each.Count)})`))),
  ]), "Indexes of notes"));
}

function quality(found) {
  const { Repairs: repairs = [], Rejects: rejects = [], NoteRejects: notes = [] } = found;
  const part = (title, columns, rows, none) => h("div", { class: "card table" }, h("h3", {}, title), rows.length ? table(columns, rows, title) : h("p", { class: "mute" }, none));
  return [
    numbers([
      ["Notes", count(found.Notes), `of ${plural(found.Patients, "patient")}`], ["Resources", count(found.Resources), `in ${plural(found.Files, "file")}`],
      ["Mended", count(found.Repaired), "lines and resources"], ["Set aside", count(found.Rejected), "lines that are no resource"],
    ]),
    found.NotesWithoutPatient ? note(`${plural(found.NotesWithoutPatient, "note")} of no patient that is known: no clinician sees them.`, "warn") : null,
    part("Mended", ["What", ">How often", ">Files", "First in"], repairs.map((one) => [one.What, count(one.Count), count(one.Files), one.First]), "Nothing had to be mended."),
    part("Lines that were set aside", ["File", ">Line", ">Number", "Reason", "Remedy"], rejects.map((one) => [one.File, count(one.Line), count(one.Count), long(one.Reason), long(one.Remedy)]), "Every line could be used."),
    part("Attachments without a note, and notes that miss something", ["Attachment", "Reason", "Remedy", "File", ">Line"], notes.map((one) => [one.NoteId, long(one.Reason), long(one.Remedy), one.File, count(one.Line)]), "Every attachment made a note."),
  ].filter(Boolean);
}

const long = (text) => h("span", { class: "why" }, text);

export async function work({ root, signal, ready }) {
  const data = await records("GetDataQuality", {}, signal).then(quality, (error) => {
    if (error.code !== "ResourceNotFoundException") throw error;
    return [note(error.message)];
  });
  const list = h("div", { class: "flow" }), parts = h("div", { class: "flow" });
  show(root, heading("Jobs and data quality"),
    h("section", { "aria-labelledby": "jobs" }, h("h2", { id: "jobs" }, "Jobs"), list),
    h("section", { "aria-labelledby": "indexes" }, h("h2", { id: "indexes" }, "Indexes"), parts),
    h("section", { "aria-labelledby": "quality" }, h("h2", { id: "quality" }, "Data quality"), data));
  let shown = "";
  for (;;) {
    const { Jobs: found = [], Indexes: known = [] } = await records("ListJobs", {}, signal);
    const now = JSON.stringify([found, known]);
    if (now !== shown) {
      shown = now;
      show(list, jobs(found));
      show(parts, known.length ? indexes(known) : note("There is no index of notes yet."));
      ready();
    }
    await pause(found.some((job) => job.State === "RUNNING") || known.some((one) => one.Waiting) ? 2000 : 15000, signal);
  }
}
