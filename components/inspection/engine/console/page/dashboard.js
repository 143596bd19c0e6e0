// What was processed and what was anomalous, over time.
import { inspection } from "./api.js";
import { activity, legend, ratio, spark } from "./chart.js";
import { count, empty, h, heading, link, note, numbers, pause, percent, place, plural, show, table, time } from "./dom.js";

const RANGES = [["Last hour", 1, "MINUTE"], ["Last 24 hours", 24, "HOUR"], ["Last 7 days", 24 * 7, "DAY"], ["Last 30 days", 24 * 30, "DAY"], ["Last 12 weeks", 24 * 84, "WEEK"]];

const message = (alarm) => [h("b", {}, `${alarm.ProjectName}, model ${alarm.ModelVersion}: `), alarm.Message];

export async function dashboard({ root, signal, ready }) {
  const chosen = new URLSearchParams(location.hash.split("?")[1] ?? "");
  let range = RANGES[Number(chosen.get("range") ?? 1)] ?? RANGES[1], project = chosen.get("project") ?? "", shown = "", first = true;
  const again = new EventTarget();

  const pick = (label, key, options, value, onchange) =>
    h("label", { class: "inline" }, h("span", {}, label), h("select", { data: { key }, onchange: (event) => { onchange(event.target.value); again.dispatchEvent(new Event("go")); } }, options.map(([text, id]) => h("option", { value: id, selected: String(id) === String(value) }, text))));

  for (;;) {
    const since = new Date(Date.now() - range[1] * 3600e3).toISOString();
    const [all, one] = await Promise.all([
      inspection("GetDashboard", { Since: since, Period: range[2] }, signal),
      project ? inspection("GetDashboard", { Since: since, Period: range[2], ProjectName: project }, signal).catch(() => null) : null,
    ]);
    const answer = one ?? all, total = answer.Total, alarms = answer.Alarms ?? [], active = alarms.filter((alarm) => alarm.Active), list = all.Projects ?? [];
    const now = JSON.stringify([total, alarms, list, range, project]);
    if (now !== shown) {
      shown = now;
      const past = alarms.filter((alarm) => !alarm.Active);
      const points = (total.Points ?? []).map((point) => ({ ...point, at: time(point.Timestamp) }));
      const words = `${range[0].toLowerCase()}, ${project || "all projects"}`;
      show(root,
        h("div", { class: "title" }, h("div", {}, heading("Dashboard"), h("p", { class: "lead" }, "What the models have inspected, and where the pictures have moved away from those of training.")),
          h("div", { class: "actions" },
            pick("Time", "range", RANGES.map(([text], index) => [text, index]), RANGES.indexOf(range), (value) => { range = RANGES[value]; }),
            pick("Project", "project", [["All projects", ""], ...list.map((item) => [item.ProjectName, item.ProjectName])], project, (value) => { project = value; }))),
        numbers([
          ["Images processed", count(total.Processed), range[0]],
          ["Anomalies", count(total.Anomalous), "images called anomalous"],
          ["Anomaly ratio", percent(total.Processed ? total.AnomalyRatio : null), "of the processed images"],
          ["Drift alarms", count(active.length), active.length ? "look at the camera and the light" : alarms.length ? `${count(alarms.length)} earlier in this time` : "pictures look like training's"],
        ]),
        active.map((alarm) => h("p", { class: "note warn", role: "note" }, message(alarm))),
        total.Processed ? [
          h("section", { class: "card figure", "aria-label": "Images processed" }, h("h3", {}, "Images processed"), legend([["Normal", 0], ["Anomalous", 1]]), activity(points, answer.Period, `Images processed and anomalous over time: ${words}`)),
          h("section", { class: "card figure", "aria-label": "Anomaly ratio" }, h("h3", {}, "Anomaly ratio"), ratio(points, answer.Period, `Share of anomalous images over time: ${words}`)),
        ] : empty("Nothing was inspected in this time", "Start a model and send pictures with DetectAnomalies; they are counted here."),
        list.length ? h("section", { class: "card table" }, h("h3", {}, "All projects"), table(["Project", ">Processed", ">Anomalies", ">Ratio", "Over time", "Drift"],
          list.map((item) => [link(item.ProjectName, place("projects", item.ProjectName), { data: { key: item.ProjectName } }), count(item.Processed), count(item.Anomalous), percent(item.Processed ? item.AnomalyRatio : null), spark(item.Points ?? []),
            (all.Alarms ?? []).some((alarm) => alarm.Active && alarm.ProjectName === item.ProjectName) ? h("span", { class: "badge warn" }, "! alarm") : h("span", { class: "mute" }, "none")]), "All projects")) : null,
        past.length ? h("details", { class: "note" }, h("summary", {}, plural(past.length, "drift alarm has", "drift alarms have") + " passed"), h("ul", {}, past.map((alarm) => h("li", {}, message(alarm))))) : null,
        note("Counts are of DetectAnomalies; trial detections are not counted."));
    }
    if (first) ready();
    first = false;
    await Promise.race([pause(10000, signal), new Promise((resolve) => again.addEventListener("go", resolve, { once: true }))]);
  }
}
