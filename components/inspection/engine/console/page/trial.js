// The overview of a trial: every picture with its prediction and verdict.
import { every, inspection, trialPicture } from "./api.js";
import { button, count, crumbs, empty, h, heading, link, note, numbers, pause, percent, place, plural, sheet, show, notify } from "./dom.js";
import { DATASETS, moving, prediction, trialState, verdict } from "./words.js";

const FILTERS = [["All", () => true], ["Not verified", (r) => r.Status === "DETECTED" && r.Verdict === "UNVERIFIED"], ["Anomaly", (r) => r.IsAnomalous], ["Normal", (r) => r.Status === "DETECTED" && !r.IsAnomalous], ["Incorrect", (r) => r.Verdict === "INCORRECT"], ["Rejected", (r) => r.Status === "REJECTED"]];
const ORDERS = [["Least certain first", (a, b) => (a.Confidence ?? 2) - (b.Confidence ?? 2)], ["Most certain first", (a, b) => (b.Confidence ?? 0) - (a.Confidence ?? 0)], ["By name", (a, b) => a.Name.localeCompare(b.Name, undefined, { numeric: true })]];
const PAGE = 120;

export async function addVerified(trial, refresh) {
  sheet("Add verified pictures to a dataset", (close) => {
    const go = (type) => async () => {
      close();
      try {
        const answer = await inspection("AddVerifiedToDataset", { TrialId: trial.TrialId, DatasetType: type });
        notify(`${plural(answer.Added, "picture")} added to the ${DATASETS[type].toLowerCase()}.`, "good");
      } catch (error) {
        notify(error.message, "bad");
      }
      refresh();
    };
    return h("div", { class: "flow" }, h("p", {}, "Each verified picture gets the label that your verdict implies: a correct prediction keeps its label, an incorrect one gets the other. A picture is added once."),
      h("div", { class: "actions" }, button("Add to the training dataset", go("train"), { class: "button primary", autofocus: true }), button("Add to the test dataset", go("test"))));
  });
}

function tile(trial, result) {
  const words = result.Status === "REJECTED" ? result.StatusMessage : `${result.IsAnomalous ? "anomaly" : "normal"}, confidence ${percent(result.Confidence, 0)}`;
  const inside = [
    h("div", { class: "frame" }, result.Status === "DETECTED" ? [h("img", { src: trialPicture(trial.TrialId, result.ResultId, "THUMBNAIL"), alt: "", loading: "lazy", decoding: "async" }), result.IsAnomalous ? h("img", { class: "heat", src: trialPicture(trial.TrialId, result.ResultId, "HEATMAP"), alt: "", loading: "lazy", decoding: "async" }) : null] : h("span", { class: "mute" }, "no picture")),
    h("div", { class: "about" }, h("p", { class: "name", title: result.Name }, result.Name),
      result.Status === "REJECTED" ? h("p", { class: "mute" }, result.StatusMessage) : h("p", { class: "outcome" }, prediction(result.IsAnomalous), h("span", { class: "mute" }, percent(result.Confidence, 0))),
      h("p", { class: "outcome" }, verdict(result), result.AddedTo ? h("span", { class: "mute" }, `in ${result.AddedTo}`) : null)),
  ];
  if (result.Status === "REJECTED") return h("li", { class: "card" }, inside);
  return h("li", { class: "card" }, h("a", { class: "tile", href: `${place("trials", trial.TrialId, "verify")}?at=${result.ResultId}`, "aria-label": `${result.Name}: ${words}, ${result.Verdict.toLowerCase()}`, data: { key: result.ResultId } }, inside));
}

export async function trial({ root, signal, ready }, id) {
  const again = new EventTarget(), refresh = () => { shown = ""; again.dispatchEvent(new Event("go")); };
  let filter = FILTERS[0], order = ORDERS[0], most = PAGE, shown = "", results = [];
  for (;;) {
    const { Trial: about } = await inspection("DescribeTrial", { TrialId: id }, signal);
    const now = JSON.stringify(about);
    if (now !== shown) {
      shown = now;
      results = await every(inspection, "ListTrialResults", { TrialId: id, MaxResults: 500 }, "Results", signal);
      draw(about);
      ready();
    }
    await Promise.race([pause(moving(about.Status) ? 1200 : 6000, signal), new Promise((resolve) => again.addEventListener("go", resolve, { once: true }))]);
  }

  function draw(about) {
    const counts = about.Counts, verified = counts.Correct + counts.Incorrect, left = counts.Detected - verified, waiting = verified - counts.Added;
    const found = results.filter(filter[1]).sort(order[1]);
    const chips = FILTERS.map((item) => [item, results.filter(item[1]).length]).filter(([item, number]) => number || item === FILTERS[0]).map(([item, number]) =>
      h("button", { type: "button", class: "chip", "aria-pressed": String(item === filter), data: { key: `filter-${item[0]}` }, onclick: () => { filter = item; most = PAGE; draw(about); } }, `${item[0]} `, h("b", {}, count(number))));
    show(root,
      crumbs(["Projects", "#/"], [about.ProjectName, place("projects", about.ProjectName)]),
      h("div", { class: "title" }, h("div", {}, heading(about.Name), h("p", { class: "lead" }, "Trial with ", link(`version ${about.ModelVersion}`, place("projects", about.ProjectName, "models", about.ModelVersion)), about.Source ? ` on ${about.Source} ` : " ", trialState(about))),
        h("div", { class: "actions" },
          waiting > 0 ? button(`Add ${count(waiting)} verified`, () => addVerified(about, refresh), { id: "add", data: { key: "add" }, class: left ? "button" : "button primary" }) : null,
          counts.Detected ? link(left ? `Verify ${count(left)}` : "Look again", place("trials", id, "verify"), { class: left ? "button primary" : "button", data: { key: "verify" } }) : null)),
      about.StatusMessage ? note(about.StatusMessage, about.Status === "FAILED" ? "bad" : "warn") : null,
      about.Status === "IN_PROGRESS" ? h("progress", { max: counts.Total || 1, value: counts.Detected + counts.Rejected, "aria-label": "Pictures processed" }) : null,
      numbers([
        ["Images", count(counts.Total), counts.Rejected ? `${count(counts.Rejected)} rejected` : "all processed"],
        ["Anomalies", count(counts.Anomalous), `${percent(counts.Detected ? counts.Anomalous / counts.Detected : null, 0)} of the processed`],
        ["Verified", count(verified), left ? `${count(left)} to go` : "all of them"],
        ["Model right", verified ? percent(counts.Correct / verified, 0) : "–", verified ? `${count(counts.Incorrect)} incorrect` : "verify some first"],
        ["Added", count(counts.Added), "to a dataset"],
      ]),
      counts.Added && !waiting && !left ? h("div", { class: "note good" }, "Everything verified is in the dataset. ", link("Train the next version", place("projects", about.ProjectName))) : null,
      results.length ? [
        h("div", { class: "head" }, h("div", { class: "chips", role: "group", "aria-label": "Filter" }, chips),
          h("label", { class: "inline" }, h("span", {}, "Order"), h("select", { data: { key: "order" }, onchange: (event) => { order = ORDERS[event.target.value]; draw(about); } }, ORDERS.map(([text], index) => h("option", { value: index, selected: order === ORDERS[index] }, text))))),
        h("ul", { class: "tiles" }, found.slice(0, most).map((result) => tile(about, result))),
        found.length > most ? h("div", { class: "actions middle" }, button(`Show ${count(Math.min(PAGE, found.length - most))} more of ${count(found.length)}`, () => { most += PAGE; draw(about); }, { data: { key: "more" } })) : null,
      ] : empty(about.Status === "IN_PROGRESS" ? "Reading pictures…" : "No pictures", about.Status === "IN_PROGRESS" ? "Results appear here as they come." : "Nothing was sent to this trial."));
  }
}
