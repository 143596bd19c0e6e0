// Versions side by side on the same pictures, and the pictures on which they differ.
import { datasetPicture, every, inspection, vision } from "./api.js";
import { badge, count, crumbs, empty, h, heading, link, note, pause, percent, place, plural, share, show, table } from "./dom.js";
import { usable } from "./words.js";

const MEASURES = [["F1 score", (m) => m.F1Score, share], ["Precision", (m) => m.Precision, share], ["Recall", (m) => m.Recall, share], ["AUROC", (m) => m.AreaUnderCurve, share], ["Anomalies found", (m) => m.Counts?.TrueAnomalies, count], ["Anomalies missed", (m) => m.Counts?.MissedAnomalies, count, true], ["False alarms", (m) => m.Counts?.FalseAlarms, count, true], ["Threshold", (m) => m.Threshold, share, null], ["Detector", (m) => m.Detector, (text) => text ?? "–", null]];

function difference(a, b, [, read, words, fewer]) {
  const [x, y] = [read(a), read(b)];
  if (fewer === null || x === undefined || y === undefined) return "";
  const change = y - x;
  if (Math.abs(change) < 5e-4) return h("span", { class: "mute" }, "same");
  return badge(`${change > 0 ? "+" : "−"}${words(Math.abs(change))}`, change > 0 === !fewer ? "good" : "bad");
}

function card(project, item) {
  const truth = item.TrueLabel === "ANOMALY";
  return h("li", { class: "card pair" },
    h("p", { class: "name", title: item.Name }, item.Name), h("p", { class: "mute" }, "It is ", truth ? "an anomaly" : "normal"),
    h("div", { class: "sides" }, item.Predictions.map((one) => h("div", {},
      h("div", { class: "frame" }, h("img", { src: datasetPicture(project, item.PictureId, "THUMBNAIL"), alt: "", loading: "lazy" }), h("img", { class: "heat", src: datasetPicture(project, item.PictureId, "HEATMAP", one.ModelVersion), alt: "", loading: "lazy" })),
      h("p", { class: "outcome" }, h("span", { class: "mute" }, `v${one.ModelVersion}`), badge(one.IsAnomalous ? "Anomaly" : "Normal", one.IsAnomalous === truth ? "good" : "bad"), h("span", { class: "mute" }, percent(one.Confidence, 0)))))));
}

export async function compare({ root, signal, ready }, project, versions) {
  const [left, right] = versions.split("-");
  const models = (await every(vision, "ListModels", { ProjectName: project }, "Models", signal)).filter(usable).map((model) => model.ModelVersion).sort((a, b) => a - b);
  const choose = (label, value, other, build) => h("label", { class: "inline" }, h("span", {}, label), h("select", { data: { key: label }, onchange: (event) => { location.hash = build(event.target.value); } }, models.filter((version) => version !== other).map((version) => h("option", { value: version, selected: version === value }, `Version ${version}`))));
  const top = (lead) => [
    crumbs(["Projects", "#/"], [project, place("projects", project)]),
    h("div", { class: "title" }, h("div", {}, heading(`Version ${left} and version ${right}`), h("p", { class: "lead" }, lead)),
      h("div", { class: "actions" }, choose("Left", left, right, (version) => place("projects", project, "compare", `${version}-${right}`)), choose("Right", right, left, (version) => place("projects", project, "compare", `${left}-${version}`)))),
  ];
  const gallery = (title, items, text, none) => h("section", {}, h("h2", {}, title), h("p", { class: "lead" }, text), items.length ? h("ul", { class: "pairs" }, items.map((item) => card(project, item))) : empty("None", none));
  for (;;) {
    const answer = await inspection("CompareModels", { ProjectName: project, ModelVersions: [left, right] }, signal);
    if (answer.Status === "IN_PROGRESS") {
      show(root, top("Both models process the same pictures."), h("div", { class: "card flow" }, h("progress", { max: 1, value: answer.Progress ?? 0, "aria-label": "Comparison" }), h("p", { class: "mute", role: "status" }, `Judging pictures, ${percent(answer.Progress ?? 0, 0)}`)));
      ready();
      await pause(800, signal);
      continue;
    }
    if (answer.Status === "FAILED") { show(root, top(""), note(answer.StatusMessage, "bad")); return; }
    const [a, b] = answer.Models, differing = answer.Differences ?? [], wrong = answer.SharedErrors ?? [];
    show(root, top(`On ${plural(answer.Images, "picture")}: ${answer.Basis}.`),
      answer.StatusMessage ? note(answer.StatusMessage, "warn") : null,
      h("div", { class: "card table narrow" }, table(["", `>Version ${left}`, `>Version ${right}`, ">Change"], MEASURES.map((measure) => [measure[0], measure[2](measure[1](a)), measure[2](measure[1](b)), difference(a, b, measure)]), "Measures")),
      gallery("Where they differ", differing, `${plural(differing.length, "picture")}: a green word is right, a red one wrong.`, "The two versions agree on every picture."),
      wrong.length ? gallery("Where both are wrong", wrong, "More pictures like these in the training dataset may help.", "") : null,
      h("p", {}, link("Back to the project", place("projects", project))));
    return;
  }
}
