// Words and colours for what is found in notes, and texts with marked parts.
import { h } from "./dom.js";

const CATEGORIES = {
  MEDICAL_CONDITION: ["Condition", 0], MEDICATION: ["Medication", 2], TEST_TREATMENT_PROCEDURE: ["Test or treatment", 3],
  ANATOMY: ["Anatomy", 4], PROTECTED_HEALTH_INFORMATION: ["Personal data", 6], TIME_EXPRESSION: ["Time", 5], BEHAVIORAL_ENVIRONMENTAL_SOCIAL: ["Social", 1],
};
const TRAITS = {
  NEGATION: "negated", PAST_HISTORY: "in the past", PERTAINS_TO_FAMILY: "family", HYPOTHETICAL: "hypothetical", LOW_CONFIDENCE: "possible",
  DIAGNOSIS: "diagnosis", SYMPTOM: "symptom", SIGN: "sign",
};
/** How mentions look of which a text states that the patient does not have this now. */
export const LOOKS = { NEGATION: "negated", PERTAINS_TO_FAMILY: "family", PAST_HISTORY: "past", HYPOTHETICAL: "hypothetical", LOW_CONFIDENCE: "possible" };
const SYSTEMS = {
  "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM", "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm", "http://snomed.info/sct": "SNOMED CT",
};
const FIELDS = { _category: "Kind", _authors: "Author", _created_at: "Date", date: "Date" };

/** Return [label, number of the colour] of a category of entities. */
export const category = (name) => CATEGORIES[name] ?? [sentence(name), 7];
export const trait = (name) => TRAITS[name] ?? name.toLowerCase().replaceAll("_", " ");
export const system = (address) => SYSTEMS[address] ?? address;
export const fieldName = (name) => FIELDS[name] ?? sentence(name);

const sentence = (name) => {
  const words = name.replace(/^_/, "").replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** Return "SNOMED CT 59621000" for the id of a concept. */
export function code(concept) {
  const at = concept.lastIndexOf("|");
  return `${system(concept.slice(0, at))} ${concept.slice(at + 1)}`;
}

/**
 * Return a text as nodes: the parts that `marks` name by Begin and End, in code points, made by `make(text, mark)`.
 *
 * Marks are in order; one that overlaps an earlier one is left out.
 */
export function marked(text, marks, make) {
  const points = [...text], nodes = [];
  let done = 0;
  for (const mark of marks) {
    if (mark.Begin < done) continue;
    nodes.push(points.slice(done, mark.Begin).join(""), make(points.slice(mark.Begin, mark.End).join(""), mark));
    done = mark.End;
  }
  nodes.push(points.slice(done).join(""));
  return nodes.filter((node) => node !== "");
}

/** The day of a FHIR date or time, as it stands there; what is no whole date stays. */
function day(date) {
  const whole = /^\d{4}-\d{2}-\d{2}/.exec(date ?? "");
  return whole ? new Date(whole[0]).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }) : date;
}

/** A note's date, kind, patient, author and status, in one line. */
export function about(note) {
  const parts = [day(note.Date), note.Kind !== note.Title && note.Kind, note.Patient && `Patient ${note.Patient}`, note.Author, note.Status].filter(Boolean);
  return h("p", { class: "line" }, parts.map((part) => h("span", {}, part)));
}

/** Where a concept's notes are. */
export const conceptPlace = (id) => `#/concepts/${encodeURIComponent(id)}`;
