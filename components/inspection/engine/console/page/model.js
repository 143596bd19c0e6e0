// One model: how it was chosen, how it does, and its threshold.
import { inspection, vision } from "./api.js";
import { badge, bar, button, count, crumbs, field, h, heading, link, moment, note, numbers, percent, place, share, show, table, notify } from "./dom.js";
import { thresholds, thresholdLegend } from "./chart.js";
import { modelState } from "./words.js";

/** The point of the curve in force at a threshold: the first one that is not below it. */
const pointAt = (curve, threshold) => curve.find((point) => point.Threshold >= threshold - 1e-9) ?? curve[curve.length - 1];

export async function model({ root, signal, ready }, project, version) {
  const [{ ModelDescription: about }, facts] = await Promise.all([
    vision("DescribeModel", { ProjectName: project, ModelVersion: version }, signal),
    inspection("GetModelEvaluation", { ProjectName: project, ModelVersion: version }, signal),
  ]);
  const curve = [...(facts.Curve ?? [])].sort((a, b) => a.Threshold - b.Threshold);
  let threshold = facts.Threshold, saved = facts.Threshold;

  const chart = h("div", { class: "plot" }), expected = h("div", {}), words = h("output", { for: "threshold" });
  const slider = h("input", { type: "range", id: "threshold", min: 0, max: 1, step: 0.005, value: threshold, "aria-label": "Threshold", oninput: () => { threshold = Number(slider.value); draw(); } });
  const miss = h("input", { type: "number", min: 0, step: "any", value: 10, inputmode: "decimal" }), alarm = h("input", { type: "number", min: 0, step: "any", value: 1, inputmode: "decimal" });
  const save = button("Use this threshold", () => update({ Threshold: threshold }), { class: "button primary", id: "save-threshold" });

  function draw() {
    slider.value = threshold;
    words.textContent = threshold.toFixed(3);
    save.disabled = Math.abs(threshold - saved) < 1e-9;
    if (!curve.length) return;
    const point = pointAt(curve, threshold);
    chart.replaceChildren(thresholds(curve, threshold, "Precision, recall and F1 score by threshold"));
    expected.replaceChildren(numbers([
      ["Precision", share(point.Precision), "of the alarms are anomalies"], ["Recall", share(point.Recall), "of the anomalies are found"],
      ["F1 score", share(point.F1Score), "of both"], ["False alarms", percent(point.FalseAlarmRate), "of the normal pictures"],
    ]));
  }

  async function update(parameters) {
    try {
      const answer = await inspection("UpdateModelThreshold", { ProjectName: project, ModelVersion: version, ...parameters });
      saved = threshold = answer.Threshold;
      notify(`The threshold is now ${answer.Threshold.toFixed(3)}.`, "good");
      draw();
    } catch (error) {
      notify(error.message, "bad");
    }
  }

  const byCosts = (event) => {
    event.preventDefault();
    update({ MissCost: Number(miss.value), FalseAlarmCost: Number(alarm.value) });
  };
  const tried = facts.Tried ?? [], scores = about.Performance ?? {};
  show(root,
    crumbs(["Projects", "#/"], [project, place("projects", project)]),
    h("div", { class: "title" }, h("div", {}, heading(`Version ${version}`), h("p", { class: "lead" }, modelState(about), " ", about.Description ? `${about.Description}, ` : "", "trained ", moment(about.EvaluationEndTimestamp ?? about.CreationTimestamp))),
      h("div", { class: "actions" }, link("Try pictures", place("projects", project, "try", version), { class: "button primary" }))),
    numbers([
      ["F1 score", share(scores.F1Score), "on the test pictures"], ["Precision", share(scores.Precision), "on the test pictures"], ["Recall", share(scores.Recall), "on the test pictures"],
      ["Training pictures", count((facts.NormalImages ?? 0) + (facts.AnomalousImages ?? 0)), `${count(facts.NormalImages)} normal, ${count(facts.AnomalousImages)} anomalous`],
      ["Training took", facts.Seconds === undefined ? "–" : `${facts.Seconds.toFixed(0)} s`, facts.Detector ?? ""],
    ]),
    h("section", { "aria-labelledby": "choosing" }, h("h2", { id: "choosing" }, "Threshold"),
      h("p", { class: "lead" }, "A picture is anomalous from this probability on. The figures are what the training pictures give when each is scored by a model that was not trained on it."),
      curve.length ? h("div", { class: "card choose" }, h("div", { class: "flow" }, chart, h("div", { class: "slide" }, slider, words), thresholdLegend()), h("div", { class: "flow" }, expected, h("div", { class: "actions" }, save))) : note("Training had no anomalous pictures: what a threshold gives is not known. It can still be set.", "warn"),
      curve.length ? null : h("div", { class: "card flow" }, h("div", { class: "slide" }, slider, words), h("div", { class: "actions" }, save)),
      curve.length ? h("form", { class: "card flow", onsubmit: byCosts }, h("h3", {}, "Or by what a mistake costs"), h("div", { class: "row" }, field("A missed anomaly costs", miss), field("A false alarm costs", alarm)), h("div", { class: "actions" }, h("button", { class: "button", id: "by-costs" }, "Choose the cheapest threshold"))) : null),
    h("section", { "aria-labelledby": "tried" }, h("h2", { id: "tried" }, "What was tried"),
      h("p", { class: "lead" }, "By cross-validation on the training pictures; nothing is chosen on test pictures."),
      h("div", { class: "card table" }, table(["Detector", "AUROC", ">Log loss", ""], tried.map((item) => [item.Name, item.AreaUnderCurve === undefined ? h("span", { class: "mute" }, "no anomalies to notify by") : h("span", { class: "share" }, bar(item.AreaUnderCurve, item.Chosen ? 2 : 7), share(item.AreaUnderCurve)), share(item.LogLoss), item.Chosen ? badge("chosen", "good") : ""]), "Detectors that were tried"))));
  draw();
  ready();
}
