// The audit: who read which records and when, and whether it is whole.
import { latest, orEmpty, records } from "./api.js";
import { badge, button, count, empty, field, h, heading, moment, notify, plural, show, table } from "./dom.js";

export async function audit({ root, signal }) {
  const key = h("input", { id: "key", maxlength: 128, autocomplete: "off", spellcheck: "false" }), document_ = h("input", { id: "document", maxlength: 2048, autocomplete: "off", spellcheck: "false" });
  const list = h("div", { class: "flow" }), checked = h("div", { "aria-live": "polite" }), next = latest(signal);
  let events = [], token;

  async function load(more) {
    const asked = { ...(key.value.trim() ? { AccessKey: key.value.trim() } : {}), ...(document_.value.trim() ? { Document: document_.value.trim() } : {}) };
    const answer = await records("ListAuditEvents", { ...asked, MaxResults: 50, ...(more ? { NextToken: token } : {}) }, next());
    events = [...(more ? events : []), ...(answer.Events ?? [])];
    token = answer.NextToken;
    draw();
  }

  const again = (more) => load(more).catch((error) => error.name === "AbortError" || notify(error.message, "bad"));

  function read(one) {
    const some = one.Documents ?? [];
    if (!some.length) return "–";
    if (some.length < 3) return some.join(", ");
    return h("details", {}, h("summary", {}, plural(some.length, "document")), h("p", { class: "ids" }, some.join(", ")));
  }

  function draw() {
    show(list, events.length ? h("div", { class: "card table" }, table([">No.", "Time", "Key", "Role", "Operation", "Documents", "Query", "Notes"], events.map((one) => [
      count(one.Number), moment(one.Time), [one.AccessKey, one.User ? ` for ${one.User}` : ""], one.Role, one.Operation, read(one), one.Query ? h("code", { title: one.Query }, one.Query.slice(0, 8)) : "–",
      h("span", { class: "stated" }, one.Outcome === "DENIED" ? badge("Denied", "bad") : null, one.Emergency ? badge("Emergency", "warn") : null, one.Reason ? h("span", { class: "why" }, one.Reason) : null),
    ]), "Requests that read records")) : empty("Nothing fits", "No request that read records has this key or document."),
    token ? h("div", { class: "actions middle" }, button("Show earlier ones", () => again(true), { id: "more" })) : null);
  }

  async function verify() {
    try {
      const answer = await records("VerifyAudit", {}, signal);
      show(checked, answer.Whole
        ? h("p", { class: "note good", id: "verified" }, `All ${count(answer.Rows)} rows are as they were written. Write down the last hash, so that a later check sees rows cut off at the end: `, h("code", {}, `${answer.Rows} ${answer.Hash}`))
        : h("p", { class: "note bad", role: "alert", id: "verified" }, `The audit is not whole: ${answer.Fault}.`));
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  const form = h("form", { class: "narrow-by", role: "search", onsubmit: (event) => { event.preventDefault(); again(); } }, field("Access key", key), field("Document", document_), h("div", { class: "actions" }, h("button", { class: "button primary" }, "Filter")));
  if (!(await orEmpty(root, "Audit", load))) return;
  show(root, h("div", { class: "title" }, h("div", {}, heading("Audit"), h("p", { class: "lead" }, "Every request that read records. Of a query there is a keyed digest, never its words.")), h("div", { class: "actions" }, button("Check the chain", verify, { id: "verify" }))), checked, form, list);
}
