// Starting a trial: pictures from this machine, or an address that the engine reads.
import { every, inspection, upload, vision } from "./api.js";
import { button, crumbs, field, h, heading, note, place, plural, show } from "./dom.js";
import { chooser, failuresOf, send } from "./pictures.js";
import { usable } from "./words.js";

export async function start({ root, signal }, project, version) {
  const models = (await every(vision, "ListModels", { ProjectName: project }, "Models", signal)).filter(usable).sort((a, b) => Number(b.ModelVersion) - Number(a.ModelVersion));
  const model = h("select", { id: "version" }, models.map((item) => h("option", { value: item.ModelVersion, selected: item.ModelVersion === version }, `Version ${item.ModelVersion}`)));
  const name = h("input", { maxlength: 255, autocomplete: "off", placeholder: "e.g. Monday, line 2" });
  const source = h("input", { maxlength: 2048, placeholder: "s3://bucket/folder/", autocomplete: "off", spellcheck: "false" });
  const body = h("div", { class: "flow", "aria-live": "polite" });

  const create = (more) => inspection("CreateTrial", { ProjectName: project, ModelVersion: model.value, ...(name.value.trim() ? { Name: name.value.trim() } : {}), ...more });
  const guard = async (work) => {
    try {
      await work();
    } catch (error) {
      if (error.code === "SessionEnded") location.reload();
      else if (!signal.aborted) body.replaceChildren(h("p", { class: "note bad", role: "alert" }, error.message));
    }
  };
  const sendAll = (pictures) => guard(async () => {
    if (!pictures.length) return body.replaceChildren(note("There is no PNG or JPEG picture among these.", "bad"));
    const { Trial: trial } = await create({});
    const failures = await send(body, pictures, (file, path) => upload("DetectTrialImage", { TrialId: trial.TrialId, Name: path }, file, signal), signal);
    if (signal.aborted) return undefined;
    if (!failures.length) { location.hash = place("trials", trial.TrialId); return undefined; }
    return body.replaceChildren(failuresOf(failures), h("div", { class: "actions" }, button(`Go on with ${plural(pictures.length - failures.length, "picture")}`, () => { location.hash = place("trials", trial.TrialId); }, { class: "button primary" })));
  });
  const fromSource = (event) => {
    event.preventDefault();
    return guard(async () => {
      const { Trial: trial } = await create({ Source: source.value.trim() });
      location.hash = place("trials", trial.TrialId);
    });
  };
  show(root,
    crumbs(["Projects", "#/"], [project, place("projects", project)]),
    h("div", { class: "title" }, h("div", {}, heading("Try pictures"), h("p", { class: "lead" }, "A model detects anomalies in pictures that are in no dataset. You then verify each result, and add the verified pictures to the dataset."))),
    models.length ? [
      h("div", { class: "card flow" }, h("div", { class: "row" }, field("Model", model), field("Name (optional)", name))),
      h("div", { class: "card flow" }, h("h3", {}, "Pictures on this machine"), chooser(sendAll), body),
      h("form", { class: "card flow", onsubmit: fromSource }, h("h3", {}, "Pictures that the engine can read"), field("Address", source, "An s3:// prefix, or one that the engine maps to a folder: every picture below it is processed."), h("div", { class: "actions" }, h("button", { class: "button" }, "Start"))),
    ] : note("No model of this project is trained yet.", "warn"));
}
