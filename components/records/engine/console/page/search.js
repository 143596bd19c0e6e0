// Search: a question in anyone's words, what it is understood as, and the notes that fit.
import { records } from "./api.js";
import { button, count, empty, field, h, heading, link, notify, place, plural, show } from "./dom.js";
import { LOOKS, about, code, conceptPlace, fieldName, marked, trait } from "./words.js";

const SIZE = 10;

// What is asked lies in the tab's own history, never in an address: addresses are kept, shared and logged.
const asked = () => ({ text: "", without: [], filters: [], page: 1, index: undefined, all: false, ...history.state?.search });

let last = null;

/** Show the results again that were shown last, if there were any. */
export function results(event) {
  if (!last) return;
  event.preventDefault();
  history.pushState({ search: last }, "", "#/");
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

export async function search({ root, signal }, concept) {
  const { Indexes: indexes = [] } = await records("GetConsole", {}, signal);
  const usable = indexes.filter((one) => one.Status === "ACTIVE");
  const box = h("input", { type: "search", id: "query", name: "query", value: asked().text, maxlength: 1000, autocomplete: "off", spellcheck: "true", placeholder: "in your own words: high blood pressure, heart attack in the family …", "aria-label": "What to look for" });
  const choice = usable.length > 1 ? h("select", { class: "slim", onchange: () => ask({ index: choice.value, page: 1, filters: [] }) }, usable.map((one) => h("option", { value: one.IndexId }, `${one.Name} (${count(one.Notes)})`))) : null;
  const said = h("p", { class: "total", role: "status" }), chips = h("div", { class: "chips", role: "group", "aria-label": "Understood as" });
  const list = h("ol", { class: "hits", "aria-label": "Notes" }), side = h("div", { class: "facets" }), pages = h("nav", { class: "pages", "aria-label": "Pages" }), start = h("div", {});
  const found = h("div", { class: "found", hidden: true }, h("details", { class: "side", open: window.innerWidth > 900 }, h("summary", {}, "Filters"), side), h("div", { class: "flow" }, list, pages));
  let running = new AbortController();

  /** Ask for something else than what is shown; back returns to it. */
  function ask(changes) {
    const leaves = concept && changes.text !== undefined;
    history.pushState({ search: { ...asked(), ...changes } }, "", leaves ? "#/" : location.hash);
    if (!leaves) return draw();
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }

  function submit(event) {
    event.preventDefault();
    ask({ text: box.value.trim(), without: [], page: 1, all: !box.value.trim() });
  }

  async function draw() {
    const now = asked();
    running.abort();
    running = new AbortController();
    const mine = running.signal;
    signal.addEventListener("abort", () => running.abort(), { once: true });
    if (choice && now.index) choice.value = now.index;
    if (!usable.length || (!now.text && !concept && !now.all && !now.filters.length)) {
      found.hidden = true;
      said.textContent = "";
      chips.replaceChildren();
      show(start, beginning());
      return;
    }
    found.setAttribute("aria-busy", "true");
    try {
      const answer = await records("SearchNotes", {
        QueryText: now.text, Filters: now.filters, Without: now.without, PageNumber: now.page, PageSize: SIZE,
        ...(concept ? { ConceptIds: [concept], QueryText: "" } : {}), ...(now.index ? { IndexId: now.index } : {}),
      }, mine);
      if (!concept) last = now;
      start.replaceChildren();
      found.hidden = false;
      drawAnswer(now, answer);
    } catch (error) {
      if (mine.aborted) return;
      if (error.code === "SessionEnded") throw error;
      found.hidden = true;
      said.textContent = "";
      show(start, h("div", { class: "note bad", role: "alert" }, error.message));
    } finally {
      found.removeAttribute("aria-busy");
    }
  }

  function beginning() {
    if (!usable.length) return empty("There are no notes yet", "A run of the pipeline records brings the notes of an export here, as do Kendra's CreateIndex and BatchPutDocument.");
    const notes = usable.reduce((sum, one) => sum + one.Notes, 0);
    return empty("Ask as you would ask a colleague", `There are ${plural(notes, "note")}. Words of lay people find clinical terms, abbreviations and drugs; each result says why it is there.`,
      button("Show all notes", () => ask({ all: true }), { id: "all" }));
  }

  function drawAnswer(now, answer) {
    const fits = answer.Notes ?? [];
    said.replaceChildren(answer.Total ? `${plural(answer.Total, "note")}${now.page > 1 ? `, page ${now.page}` : ""}` : "No note fits",
      ...(answer.Corrected ? [". Did you mean ", button(answer.Corrected, () => { box.value = answer.Corrected; ask({ text: answer.Corrected, without: [], page: 1 }); }, { class: "link", id: "corrected" }), "?"] : []));
    show(chips,
      ...(answer.Concepts ?? []).map((one) => concept ? h("span", { class: "chip" }, h("b", {}, one.Display), ` ${code(one.ConceptId)}`) :
        h("button", { type: "button", class: "chip", title: `Nearest to your words: ${one.Name}. ${code(one.ConceptId)}`, "aria-label": `${one.Display}: remove this concept`, data: { concept: one.ConceptId, key: one.ConceptId }, onclick: () => ask({ without: [...now.without, one.ConceptId], page: 1 }) }, h("b", {}, one.Display), h("span", { "aria-hidden": "true" }, " ✕"))),
      ...(answer.Removed ?? []).map((one) =>
        h("button", { type: "button", class: "chip off", "aria-label": `${one.Display}: use this concept again`, data: { removed: one.ConceptId, key: one.ConceptId }, onclick: () => ask({ without: now.without.filter((id) => id !== one.ConceptId), page: 1 }) }, h("s", {}, one.Display), h("span", { "aria-hidden": "true" }, " ↺"))));
    show(side, ...(answer.Facets ?? []).map((one) => facet(one, now)), ...(now.filters.length ? [button("Remove all filters", () => ask({ filters: [], page: 1 }), { class: "button slim", id: "unfilter" })] : []));
    list.start = (now.page - 1) * SIZE + 1;
    list.replaceChildren(...(fits.length ? fits.map((note) => hit(note, answer)) : [h("li", {}, empty("No note fits", now.filters.length ? "Remove a filter, or ask in other words." : "Ask in other words, or in fewer.", ...(now.filters.length ? [button("Remove all filters", () => ask({ filters: [], page: 1 }))] : [])))]));
    const last = Math.max(1, Math.ceil(answer.Total / SIZE));
    pages.hidden = last === 1;
    pages.replaceChildren(
      button("Previous", () => turn(now.page - 1), { class: "button slim", disabled: now.page === 1 }), h("span", { class: "mute" }, `Page ${now.page} of ${count(last)}`),
      button("Next", () => turn(now.page + 1), { class: "button slim", id: "next", disabled: now.page >= last }));
  }

  async function turn(page) {
    await ask({ page });
    window.scrollTo(0, 0);
    list.querySelector("a")?.focus({ preventScroll: true });
  }

  function facet(one, now) {
    const mine = now.filters.find((filter) => filter.Name === one.Name), rest = now.filters.filter((filter) => filter.Name !== one.Name);
    const choose = (filter) => ask({ filters: filter ? [...rest, filter] : rest, page: 1 });
    if (one.Type === "DATE") {
      const from = h("input", { type: "date", value: mine?.From ?? "" }), to = h("input", { type: "date", value: mine?.To ?? "" });
      const between = () => choose(from.value || to.value ? { Name: one.Name, ...(from.value ? { From: from.value } : {}), ...(to.value ? { To: to.value } : {}) } : null);
      from.addEventListener("change", between);
      to.addEventListener("change", between);
      const year = (value) => ({ Name: one.Name, From: `${value}-01-01`, To: `${value}-12-31` });
      return h("fieldset", { data: { facet: one.Name } }, h("legend", {}, fieldName(one.Name)),
        h("div", { class: "years" }, one.Values.map(({ Value, Count }) => {
          const on = mine?.From === `${Value}-01-01` && mine?.To === `${Value}-12-31`;
          return h("button", { type: "button", class: "chip", "aria-pressed": String(on), data: { value: Value, key: `${one.Name} ${Value}` }, onclick: () => choose(on ? null : year(Value)) }, `${Value} `, h("span", { class: "n" }, count(Count)));
        })), field("From", from), field("To", to));
    }
    const chosen = mine?.Values ?? [];
    const shown = [...one.Values, ...chosen.filter((value) => !one.Values.some((each) => each.Value === value)).map((Value) => ({ Value, Count: 0 }))];
    return h("fieldset", { data: { facet: one.Name } }, h("legend", {}, fieldName(one.Name)),
      shown.map(({ Value, Count }) => h("label", { class: "choice" },
        h("input", { type: "checkbox", value: Value, data: { key: `${one.Name} ${Value}` }, checked: chosen.includes(Value), onchange: (event) => {
          const values = event.target.checked ? [...chosen, Value] : chosen.filter((value) => value !== Value);
          choose(values.length ? { Name: one.Name, Values: values } : null);
        } }), h("span", {}, Value), h("span", { class: "n" }, count(Count)))));
  }

  function hit(note, answer) {
    const at = note.Reasons?.[0]?.Begin ?? note.Excerpt?.Begin;
    const where = new URLSearchParams({ ...(at === undefined ? {} : { at }), ...(choice ? { index: answer.IndexId } : {}) });
    return h("li", { class: "card hit", data: { note: note.NoteId } },
      h("h2", {}, link(note.Title, `${place("notes", note.NoteId)}?${where}`)), about(note),
      note.Excerpt ? h("p", { class: "excerpt" }, marked(note.Excerpt.Text, joined(note.Excerpt), (text, mark) => h("mark", { class: mark.Synonym ? "other" : false }, text))) : null,
      answer.Concepts?.length || asked().text ? why(note) : null,
      concept ? null : h("div", { class: "actions" }, judge(note, answer, "RELEVANT", "Relevant"), judge(note, answer, "NOT_RELEVANT", "Not relevant")));
  }

  function judge(note, answer, relevance, label) {
    return button(label, async (event) => {
      const pressed = event.currentTarget;
      try {
        await records("JudgeNote", { IndexId: answer.IndexId, QueryId: answer.QueryId, NoteId: note.NoteId, Relevance: relevance });
        for (const other of pressed.parentElement.children) other.setAttribute("aria-pressed", String(other === pressed));
        notify("Kept: the next search for these words takes it into account.", "good");
      } catch (error) {
        notify(error.message, "bad");
      }
    }, { class: "button slim", "aria-pressed": String(note.Judged === relevance), data: { judge: relevance } });
  }

  show(root, heading(concept ? "Notes with a concept" : "Search notes"),
    h("form", { class: "ask", role: "search", onsubmit: submit }, box, choice ? h("label", { class: "inline" }, h("span", {}, "Index"), choice) : null, h("button", { class: "button primary" }, "Search")),
    said, chips, start, found);
  window.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    box.focus();
  }, { signal });
  await draw();
}

/** The way from the question to the note: its words, the concept they mean, the mention of it. */
function why(note) {
  const reasons = (note.Reasons ?? []).map((reason) => h("li", {},
    asked().text.toLowerCase().includes(reason.Name.toLowerCase()) ? "your words " : "by its name ", h("q", {}, reason.Name), arrow(), link(reason.Display, conceptPlace(reason.ConceptId), { title: code(reason.ConceptId) }), arrow(), h("q", { class: (reason.Traits ?? []).includes("NEGATION") ? "negated" : false }, reason.Mention),
    (reason.Traits ?? []).filter((name) => name in LOOKS).map((name) => h("span", { class: "badge" }, trait(name)))));
  if (!reasons.length && note.Words?.length) reasons.push(h("li", {}, "Words of the question: ", note.Words.map((word, i) => [i ? ", " : "", h("q", {}, word)])));
  if (!reasons.length && !note.Excerpt?.Highlights?.length) reasons.push(h("li", {}, "Near to the question in meaning"));
  return reasons.length ? h("ul", { class: "reasons", "aria-label": "Why this result" }, reasons) : null;
}

/** Join marks with nothing but spaces between them: words that stand together are one mark. */
function joined({ Text: text, Highlights: marks = [] }) {
  const points = [...text], found = [];
  for (const mark of marks) {
    const last = found.at(-1);
    if (last && !last.Synonym === !mark.Synonym && !points.slice(last.End, mark.Begin).join("").trim()) last.End = mark.End;
    else found.push({ ...mark });
  }
  return found;
}

const arrow = () => h("span", { class: "arrow", "aria-hidden": "true" }, " → ");
