// A box that finds concepts of the lake by words or codes.
import { latest, records } from "./api.js";
import { button, h, show } from "./dom.js";
import { code } from "./words.js";

const GROUPS = { CONDITION: "Condition", DRUG: "Drug", PROCEDURE: "Procedure", FINDING: "Finding" };
let boxes = 0;

/** Return the box; `take(concept)` is called with what is chosen by the button `label`. */
export function finder(take, signal, label, others = []) {
  const name = `concepts-${(boxes += 1)}`, list = h("ul", { class: "offers", id: name }), said = h("p", { class: "mute", role: "status" });
  const box = h("input", { type: "search", maxlength: 200, autocomplete: "off", spellcheck: "false", "aria-controls": name, "aria-label": "Condition, drug or code", placeholder: "condition, drug or code", class: "finder" });
  const next = latest(signal);

  box.addEventListener("input", async () => {
    const mine = next(), text = box.value.trim();
    if (!text) {
      list.replaceChildren();
      said.textContent = "";
      return;
    }
    try {
      const { Concepts: found = [] } = await records("FindConcepts", { Text: text, MaxResults: 8 }, mine);
      if (mine.aborted) return;
      said.textContent = found.length ? "" : "No patient has a concept of such a name.";
      show(list, found.map((one) => h("li", { data: { concept: one.ConceptId } }, h("span", {}, h("b", {}, one.Display), h("span", { class: "mute" }, ` ${GROUPS[one.Group] ?? ""} ${code(one.ConceptId)}`)),
        h("span", { class: "actions tight" }, [[label, take], ...others].map(([text, work]) => button(text, () => { work(one); box.value = ""; list.replaceChildren(); box.focus(); }, { class: "button slim", "aria-label": `${text}: ${one.Display}` }))))));
    } catch (error) {
      if (!mine.aborted) said.textContent = error.message;
    }
  });
  return h("div", { class: "flow" }, h("div", {}, box), said, list);
}
