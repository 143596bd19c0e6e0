// Verification, one picture at a time: prediction, heatmap and verdict.
import { every, inspection, trialPicture } from "./api.js";
import { badge, bar, button, count, crumbs, empty, h, heading, link, percent, place, plural, show, notify } from "./dom.js";
import { addVerified } from "./trial.js";

const KEYS = [["C", "correct"], ["I", "incorrect"], ["H", "heatmap"], ["← →", "move"], ["U", "undo"]];

export async function verify({ root, signal, ready }, id) {
  const { Trial: about } = await inspection("DescribeTrial", { TrialId: id }, signal);
  const results = await every(inspection, "ListTrialResults", { TrialId: id, Status: "DETECTED", SortBy: "CONFIDENCE_ASCENDING", MaxResults: 500 }, "Results", signal);
  const wanted = new URLSearchParams(location.hash.split("?")[1] ?? "").get("at");
  const open = () => results.findIndex((result) => result.Verdict === "UNVERIFIED");
  let at = wanted ? results.findIndex((result) => result.ResultId === wanted) : open();
  let heat = true, done = at < 0 && !wanted, undo = [], waiting = Promise.resolve();
  at = Math.max(at, 0);

  const picture = (result, kind) => trialPicture(id, result.ResultId, kind);
  const left = () => results.filter((result) => result.Verdict === "UNVERIFIED").length;

  // Verdicts are sent in their order, while the next picture is already looked at: by the time that one is
  // answered, the picture may have a later one, which is the one to show.
  const latest = new Map(), kept = new Map(results.map((result) => [result, result.Verdict]));
  function send(result, verdict) {
    const sent = Symbol(verdict);
    latest.set(result, sent);
    result.Verdict = verdict;
    waiting = waiting.then(async () => {
      try {
        const { Verdict, ...rest } = (await inspection("VerifyTrialResult", { TrialId: id, ResultId: result.ResultId, Verdict: verdict })).Result;
        kept.set(result, Verdict);
        Object.assign(result, rest);
      } catch (error) {
        notify(`${result.Name}: ${error.message}`, "bad");
      }
      if (latest.get(result) !== sent || result.Verdict === kept.get(result)) return;
      result.Verdict = kept.get(result);
      if (done && open() >= 0) [done, at] = [false, open()];
      if (!signal.aborted) draw();
    });
  }

  function decide(verdict) {
    const result = results[at];
    if (done || !result) return;
    undo.push([at, result.Verdict]);
    send(result, verdict);
    const next = results.findIndex((other, index) => index > at && other.Verdict === "UNVERIFIED");
    const target = next >= 0 ? next : open();
    if (target < 0) done = true;
    else at = target;
    draw();
  }

  function back() {
    const last = undo.pop();
    if (!last) return;
    [at] = last;
    done = false;
    send(results[at], last[1]);
    draw();
  }

  function move(step) {
    if (done) { done = false; at = step > 0 ? 0 : results.length - 1; } else at = (at + step + results.length) % results.length;
    draw();
  }

  function toggle() {
    heat = !heat;
    draw();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const actions = { c: () => decide("CORRECT"), i: () => decide("INCORRECT"), h: toggle, u: back, ArrowRight: () => move(1), ArrowLeft: () => move(-1) };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action && results.length && !event.repeat) { event.preventDefault(); action(); }
  }, { signal });

  function strip() {
    const from = Math.max(0, Math.min(at - 5, results.length - 11));
    return h("ol", { class: "strip", "aria-label": "Pictures around this one" }, results.slice(from, from + 11).map((result, index) => {
      const tone = { CORRECT: "good", INCORRECT: "bad", UNVERIFIED: "" }[result.Verdict];
      return h("li", {}, h("button", { type: "button", class: tone, "aria-current": from + index === at ? "true" : false, "aria-label": `${result.Name}, ${result.Verdict.toLowerCase()}`, onclick: () => { at = from + index; draw(); } },
        h("img", { src: picture(result, "THUMBNAIL"), alt: "", decoding: "async" })));
    }));
  }

  function panel(result) {
    const anomalous = result.IsAnomalous;
    const choice = (verdict, text, key, tone) => h("button", { type: "button", class: `button verdict ${tone}`, "aria-pressed": String(result.Verdict === verdict), "aria-keyshortcuts": key, data: { key: verdict }, onclick: () => decide(verdict) }, h("span", {}, text), h("kbd", {}, key));
    return h("div", { class: "card panel" },
      h("p", { class: "mute name", title: result.Name }, result.Name),
      h("p", { class: "mute" }, "The model says"),
      h("p", { class: `decision ${anomalous ? "warn" : "good"}` }, anomalous ? "Anomaly" : "Normal"),
      h("p", { class: "confidence" }, bar(result.Confidence, anomalous ? 1 : 0), h("span", {}, percent(result.Confidence), " confidence")),
      (result.Anomalies ?? []).filter((item) => item.Name !== "background").map((item) => h("p", { class: "mute" }, `${item.Name}: ${percent(item.TotalPercentageArea, 2)} of the area`)),
      h("div", { class: "verdicts", role: "group", "aria-label": "Is the model right?" },
        choice("CORRECT", `Correct: it is ${anomalous ? "an anomaly" : "normal"}`, "C", "good"), choice("INCORRECT", `Incorrect: it is ${anomalous ? "normal" : "an anomaly"}`, "I", "bad")),
      result.AddedTo ? badge(`in the ${result.AddedTo} dataset`) : null,
      h("div", { class: "actions" }, button("Heatmap", toggle, { "aria-pressed": String(heat), "aria-keyshortcuts": "H", data: { key: "heat" } }), button("Undo", back, { disabled: !undo.length, "aria-keyshortcuts": "U", data: { key: "undo" } })),
      h("p", { class: "keys mute" }, KEYS.map(([key, text]) => h("span", {}, h("kbd", {}, key), ` ${text}`))));
  }

  function finished() {
    const waitingToAdd = results.filter((result) => result.Verdict !== "UNVERIFIED" && !result.AddedTo).length;
    const wrong = results.filter((result) => result.Verdict === "INCORRECT").length;
    return h("div", { class: "empty" }, h("h2", {}, "Every picture is verified"),
      h("p", {}, `The model was right on ${count(results.length - wrong)} of ${plural(results.length, "picture")}.`),
      h("div", { class: "actions" },
        waitingToAdd ? button(`Add ${count(waitingToAdd)} verified to the dataset`, () => waiting.then(() => addVerified(about, () => { location.hash = place("trials", id); })), { class: "button primary", id: "add", data: { key: "add" } }) : null,
        link("See all results", place("trials", id), { class: "button" }), undo.length ? button("Undo the last verdict", back) : null));
  }

  function draw() {
    const result = results[at], total = results.length;
    show(root,
      crumbs(["Projects", "#/"], [about.ProjectName, place("projects", about.ProjectName)], [about.Name, place("trials", id)]),
      h("div", { class: "title tight" }, heading("Verify"),
        total ? h("div", { class: "tally" }, h("progress", { max: total, value: total - left(), "aria-label": "Verified" }), h("span", { class: "mute", role: "status" }, `${count(total - left())} of ${count(total)} verified`)) : null),
      !total ? empty("Nothing to verify", "This trial has no processed picture.", link("Back to the trial", place("trials", id), { class: "button" }))
        : done ? finished()
          : h("div", { class: "verify" },
            h("div", { class: "viewer" },
              h("figure", { class: "stage", "aria-label": `${result.Name}${heat ? ", with the heatmap" : ""}` },
                h("img", { src: picture(result, "IMAGE"), alt: `Picture ${result.Name}`, id: "picture" }), h("img", { class: "heat", src: picture(result, "HEATMAP"), alt: "", hidden: !heat, id: "heat" })),
              h("div", { class: "turn" }, button("← Previous", () => move(-1), { data: { key: "previous" } }), h("span", { class: "mute" }, `${count(at + 1)} / ${count(total)}`), button("Next →", () => move(1), { data: { key: "next" } })),
              strip()),
            panel(result)));
    for (const near of [results[at + 1], results[at + 2]]) if (near) for (const kind of ["IMAGE", "HEATMAP"]) new Image().src = picture(near, kind);
  }

  draw();
  ready();
  signal.addEventListener("abort", () => { undo = []; }, { once: true });
}
