// One project: its models, datasets and trials.
import { every, inspection, vision } from "./api.js";
import { badge, button, count, crumbs, empty, field, h, heading, link, moment, note, pause, place, plural, share, sheet, show, table, notify } from "./dom.js";
import { addPictures } from "./pictures.js";
import { DATASETS, modelState, moving, trialState, usable } from "./words.js";

async function read(name, signal) {
  const { ProjectDescription: about } = await vision("DescribeProject", { ProjectName: name }, signal);
  const [listed, trials, sets] = await Promise.all([
    every(vision, "ListModels", { ProjectName: name }, "Models", signal),
    inspection("ListTrials", { ProjectName: name, MaxResults: 20 }, signal),
    Promise.all((about.Datasets ?? []).map(async ({ DatasetType }) => (await vision("DescribeDataset", { ProjectName: name, DatasetType }, signal)).DatasetDescription)),
  ]);
  const models = listed.sort((a, b) => Number(b.ModelVersion) - Number(a.ModelVersion));
  return { about, models, trials: trials.Trials ?? [], sets };
}

function dataset(name, type, set) {
  if (!set) {
    return h("div", { class: "card" }, h("h3", {}, DATASETS[type]), h("p", { class: "mute" }, type === "test" ? "None: a share of the training pictures is kept for testing." : "None yet: a model is trained on these pictures."),
      h("div", { class: "actions" }, button("Add pictures", () => addPictures(name, type), { data: { key: `add-${type}` } })));
  }
  const stats = set.ImageStats ?? {};
  const parts = [["Normal", stats.Normal, 0], ["Anomaly", stats.Anomaly, 1], ["Unlabelled", (stats.Total ?? 0) - (stats.Labeled ?? 0), 7]];
  return h("div", { class: "card" },
    h("div", { class: "head" }, h("h3", {}, DATASETS[type]), moving(set.Status) ? badge("Updating") : /FAILED/.test(set.Status) ? badge("Failed", "bad") : null),
    h("p", { class: "big" }, h("strong", {}, count(stats.Total)), " images"),
    h("div", { class: "stack", role: "img", "aria-label": parts.map(([label, value]) => `${label} ${value ?? 0}`).join(", ") },
      parts.filter(([, value]) => value).map(([, value, colour]) => h("i", { class: `c${colour}`, vars: { "--v": value } }))),
    h("ul", { class: "legend" }, parts.filter(([label, value]) => value || label !== "Unlabelled").map(([label, value, colour]) => h("li", {}, h("i", { class: `c${colour}` }), `${label} `, h("b", {}, count(value))))),
    /FAILED/.test(set.Status) ? note(set.StatusMessage ?? "The last change failed.", "bad") : null,
    h("div", { class: "actions" }, button("Add pictures", () => addPictures(name, type), { data: { key: `add-${type}` } })));
}

export async function project(context, name) {
  const { root, signal, ready } = context;
  const again = new EventTarget(), refresh = () => again.dispatchEvent(new Event("go"));
  const picked = new Set();
  let shown = "";

  const act = async (words, operation, parameters) => {
    try {
      await vision(operation, { ProjectName: name, ...parameters });
      notify(words, "good");
    } catch (error) {
      notify(error.message, "bad");
    }
    refresh();
  };
  const train = () => sheet("Train a model", (close) => {
    const text = h("input", { maxlength: 500, autocomplete: "off", pattern: "[0-9A-Za-z._\\-]*", placeholder: "e.g. new-lamp" });
    const output = h("input", { value: `s3://brume-evaluations/${name}/`, required: true, pattern: "s3:\\/\\/[^\\/]+\\/.+", autocomplete: "off", spellcheck: "false" });
    const go = (event) => {
      event.preventDefault();
      close();
      const [, bucket, prefix] = /^s3:\/\/([^/]+)\/(.*)$/.exec(output.value);
      act("Training has started.", "CreateModel", { OutputConfig: { S3Location: { Bucket: bucket, Prefix: prefix } }, ...(text.value ? { Description: text.value } : {}) });
    };
    return h("form", { onsubmit: go },
      h("p", {}, "A new version is trained on the training dataset as it is now. Several detectors are tried; the best by cross-validation is kept."),
      field("Description (optional)", text, "Letters, digits, dot, hyphen and underscore: what the service's API takes."),
      h("details", {}, h("summary", {}, "Where the evaluation is written"), field("Address", output, "As it stands, it is kept in the engine's own data.")), h("div", { class: "actions" }, h("button", { class: "button primary", autofocus: true }, "Train"), button("Cancel", close)));
  });
  const comparison = (on) => button("Compare two versions", () => { location.hash = place("projects", name, "compare", [...picked].sort((a, b) => a - b).join("-")); }, { disabled: !on, data: { key: "compare" }, id: "compare" });

  function row(model) {
    const version = model.ModelVersion, good = usable(model), scores = model.Performance ?? {};
    const pick = h("input", { type: "checkbox", "aria-label": `Compare version ${version}`, disabled: !good, checked: picked.has(version), data: { key: `pick-${version}` }, onchange: (event) => {
      event.target.checked ? picked.add(version) : picked.delete(version);
      document.getElementById("compare").disabled = picked.size !== 2;
    } });
    const run = model.Status === "HOSTED"
      ? button("Stop", () => act(`Version ${version} is stopping.`, "StopModel", { ModelVersion: version }), { class: "button slim", data: { key: `stop-${version}` }, "aria-label": `Stop version ${version}` })
      : ["TRAINED", "HOSTING_FAILED"].includes(model.Status) ? button("Start", () => act(`Version ${version} is starting.`, "StartModel", { ModelVersion: version, MinInferenceUnits: 1 }), { class: "button slim", data: { key: `start-${version}` }, "aria-label": `Start version ${version}` }) : null;
    return [pick, good ? link(`Version ${version}`, place("projects", name, "models", version), { data: { key: `model-${version}` } }) : `Version ${version}`,
      h("span", { class: "stated" }, modelState(model), /FAILED/.test(model.Status) && model.StatusMessage ? h("small", { class: "why" }, model.StatusMessage) : null),
      share(scores.F1Score), share(scores.Precision), share(scores.Recall), moment(model.CreationTimestamp),
      h("span", { class: "actions tight" }, run, good ? link("Try pictures", place("projects", name, "try", version), { class: "button slim", data: { key: `try-${version}` }, "aria-label": `Try pictures with version ${version}` }) : null)];
  }

  const trialRow = (trial) => {
    const counts = trial.Counts ?? {}, done = (counts.Correct ?? 0) + (counts.Incorrect ?? 0);
    return [link(trial.Name, place("trials", trial.TrialId), { data: { key: trial.TrialId } }), `Version ${trial.ModelVersion}`, trialState(trial), count(counts.Total), count(counts.Anomalous),
      `${count(done)} of ${count(counts.Detected)}`, count(counts.Added), moment(trial.CreationTimestamp)];
  };

  for (;;) {
    const { about, models, trials, sets } = await read(name, signal);
    const now = JSON.stringify([models, trials, sets]);
    if (now !== shown) {
      shown = now;
      const byType = Object.fromEntries(sets.map((set) => [set.DatasetType, set]));
      const training = models.some((model) => model.Status === "TRAINING"), newest = models.find(usable);
      show(root,
        crumbs(["Projects", "#/"]),
        h("div", { class: "title" }, h("div", {}, heading(name), h("p", { class: "lead" }, `${plural(models.length, "model")}, ${plural(trials.length, "trial")}, created `, moment(about.CreationTimestamp))),
          h("div", { class: "actions" },
            newest ? link("Try pictures", place("projects", name, "try", newest.ModelVersion), { class: "button", data: { key: "try" } }) : null,
            button(training ? "Training…" : models.length ? "Train again" : "Train a model", train, { class: "button primary", id: "train", data: { key: "train" }, disabled: training || !byType.train }))),
        h("section", { "aria-labelledby": "datasets" }, h("h2", { id: "datasets" }, "Datasets"), h("div", { class: "row" }, dataset(name, "train", byType.train), dataset(name, "test", byType.test))),
        h("section", { "aria-labelledby": "models" }, h("div", { class: "head" }, h("h2", { id: "models" }, "Models"), models.filter(usable).length > 1 ? comparison(picked.size === 2) : null),
          models.length ? h("div", { class: "card table" }, table(["", "Model", "State", ">F1 score", ">Precision", ">Recall", "Created", ""], models.map(row), "Models"))
            : empty("No model yet", byType.train ? "Train one on the pictures of the training dataset." : "Add pictures of good and bad parts first, then train a model on them.", byType.train ? button("Train a model", train, { class: "button primary" }) : button("Add pictures", () => addPictures(name, "train"), { class: "button primary" }))),
        h("section", { "aria-labelledby": "trials" }, h("h2", { id: "trials" }, "Trial detections"),
          trials.length ? h("div", { class: "card table" }, table(["Trial", "Model", "State", ">Images", ">Anomalies", ">Verified", ">Added", "Created"], trials.map(trialRow), "Trial detections"))
            : empty("No trial yet", "Let a trained model detect anomalies in new pictures, verify each result, and add the verified pictures to the dataset.", newest ? link("Try pictures", place("projects", name, "try", newest.ModelVersion), { class: "button" }) : null)));
      ready();
    }
    const busy = [...models, ...sets, ...trials].some((item) => moving(item.Status));
    await Promise.race([pause(busy ? 1500 : 8000, signal), new Promise((resolve) => again.addEventListener("go", resolve, { once: true }))]);
  }
}
