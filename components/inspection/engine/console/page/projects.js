// All projects, with the state of each.
import { every, inspection, together, vision } from "./api.js";
import { button, count, empty, field, h, heading, moment, pause, place, plural, percent, sheet, show } from "./dom.js";
import { modelState, moving } from "./words.js";

async function facts(name, signal) {
  const [{ ProjectDescription: about }, models] = await Promise.all([
    vision("DescribeProject", { ProjectName: name }, signal),
    every(vision, "ListModels", { ProjectName: name }, "Models", signal),
  ]);
  models.sort((a, b) => Number(b.ModelVersion) - Number(a.ModelVersion));
  const sets = await Promise.all((about.Datasets ?? []).map(async ({ DatasetType }) =>
    (await vision("DescribeDataset", { ProjectName: name, DatasetType }, signal)).DatasetDescription));
  return { name, about, models, sets };
}

function card({ name, about, models, sets }, activity) {
  const newest = models[0];
  const running = models.find((model) => model.Status === "HOSTED");
  const images = sets.reduce((sum, set) => sum + (set.ImageStats?.Total ?? 0), 0);
  const facts = [
    ["Images", count(images)],
    ["F1 score", newest?.Performance?.F1Score === undefined ? "–" : newest.Performance.F1Score.toFixed(3)],
    ["Last 24 h", activity ? count(activity.Processed) : "0"],
    ["Anomalous", activity?.Processed ? percent(activity.AnomalyRatio) : "–"],
  ];
  return h("li", { class: "card project" },
    h("h2", {}, h("a", { href: place("projects", name), data: { key: name } }, name)),
    h("p", { class: "states" }, newest ? [h("span", { class: "mute" }, `Model ${newest.ModelVersion}`), modelState(newest)] : h("span", { class: "mute" }, "No model yet"),
      running && running !== newest ? [h("span", { class: "mute" }, `Model ${running.ModelVersion}`), modelState(running)] : null),
    h("dl", { class: "small" }, facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    h("p", { class: "mute" }, "Created ", moment(about.CreationTimestamp)));
}

export function create() {
  sheet("New project", (close) => {
    const name = h("input", { name: "name", required: true, maxlength: 255, pattern: "[a-zA-Z0-9][a-zA-Z0-9_\\-]*", autofocus: true, autocomplete: "off", spellcheck: "false" });
    const wrong = h("p", { class: "note bad", role: "alert", hidden: true });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await vision("CreateProject", { ProjectName: name.value.trim() });
        close();
        location.hash = place("projects", name.value.trim());
      } catch (error) {
        wrong.textContent = error.message;
        wrong.hidden = false;
      }
    };
    return h("form", { onsubmit: submit }, field("Name", name, "Letters, digits, - and _; one project for each kind of part."), wrong,
      h("div", { class: "actions" }, h("button", { class: "button primary" }, "Create project"), button("Cancel", close)));
  });
}

export async function projects({ root, signal, ready }) {
  let shown = "";
  for (;;) {
    const [listed, dashboard] = await Promise.all([every(vision, "ListProjects", {}, "Projects", signal), inspection("GetDashboard", {}, signal)]);
    const alarms = (dashboard.Alarms ?? []).filter((alarm) => alarm.Active);
    const activity = new Map((dashboard.Projects ?? []).map((item) => [item.ProjectName, item]));
    const known = (await together(listed, ({ ProjectName }) => facts(ProjectName, signal).catch((error) => {
      if (error.code === "ResourceNotFoundException") return null;
      throw error;
    }))).filter(Boolean);
    const now = JSON.stringify([known, [...activity], alarms]);
    if (now !== shown) {
      shown = now;
      show(root,
        h("div", { class: "title" }, h("div", {}, heading("Projects"), h("p", { class: "lead" }, known.length ? `${plural(known.length, "project")}, each a kind of part that models inspect.` : "A project is a kind of part that models inspect.")),
          h("div", { class: "actions" }, button("New project", create, { class: "button primary", data: { key: "new" } }))),
        alarms.length ? h("p", { class: "note warn", role: "note" }, `${plural(alarms.length, "drift alarm")}: pictures have moved away from those of training. `, h("a", { href: "#/dashboard" }, "See the dashboard")) : null,
        known.length ? h("ul", { class: "cards" }, known.map((item) => card(item, activity.get(item.name)))) : empty("No projects yet", "Make one, add pictures of good and bad parts, and train a model on them. From a terminal: brume inspection create NAME", button("New project", create, { class: "button primary" })));
      ready();
    }
    const busy = known.some(({ models, sets }) => [...models, ...sets].some((item) => moving(item.Status)));
    await pause(busy ? 2500 : 15000, signal);
  }
}

