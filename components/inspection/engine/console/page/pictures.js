// Choosing pictures on this machine and sending them, one by one.
import { together, upload } from "./api.js";
import { button, count, field, h, note, percent, plural, sheet, notify } from "./dom.js";

const PICTURE = /\.(png|jpe?g)$/i;
const nameOf = (file) => file.path ?? (file.webkitRelativePath || file.name);

/** Read files and folders that were dropped. */
async function dropped(transfer) {
  const found = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      file.path = path + entry.name;
      found.push(file);
      return;
    }
    const reader = entry.createReader();
    for (let batch; (batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) {
      for (const inner of batch) await walk(inner, `${path}${entry.name}/`);
    }
  };
  for (const entry of [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean)) await walk(entry, "");
  return found;
}

/** Return an area to drop pictures on, with buttons for those who do not; `chosen` gets [file, name] pairs. */
export function chooser(chosen) {
  const take = (files) => {
    const pictures = [...files].filter((file) => PICTURE.test(file.name)).map((file) => [file, nameOf(file)]);
    // A folder that was chosen as a whole is no part of the names.
    const first = pictures[0]?.[1].split("/")[0];
    const whole = pictures.length && pictures.every(([, name]) => name.startsWith(`${first}/`)) && !/^(normal|anomaly)$/i.test(first);
    chosen(whole ? pictures.map(([file, name]) => [file, name.slice(first.length + 1)]) : pictures, files.length);
  };
  const files = h("input", { type: "file", multiple: true, accept: "image/png,image/jpeg", hidden: true, id: "choose-files", onchange: (event) => take(event.target.files) });
  const folder = h("input", { type: "file", webkitdirectory: true, hidden: true, id: "choose-folder", onchange: (event) => take(event.target.files) });
  const area = h("div", { class: "drop" }, h("p", {}, h("b", {}, "Drop pictures or a folder here")), h("p", { class: "mute" }, "PNG or JPEG, 64 to 4,096 pixels a side, at most 8 MB each"),
    h("div", { class: "actions" }, button("Choose pictures", () => files.click()), button("Choose a folder", () => folder.click())), files, folder);
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    take(await dropped(event.dataTransfer));
  });
  return area;
}

/** Send pictures and show how far it is; resolves to the failures, as [name, message] pairs. */
export async function send(root, pictures, work, signal) {
  const progress = h("progress", { max: pictures.length, value: 0, "aria-label": "Pictures sent" });
  const words = h("p", { class: "mute", role: "status" });
  root.replaceChildren(progress, words);
  const failures = [];
  let done = 0;
  const step = () => { progress.value = done; words.textContent = `${count(done)} of ${plural(pictures.length, "picture")}, ${percent(done / pictures.length, 0)}`; };
  step();
  await together(pictures, async ([file, name]) => {
    if (signal.aborted) return;
    try {
      await work(file, name);
    } catch (error) {
      if (error.code === "SessionEnded" || error.code === "Unreachable") throw error;
      if (!signal.aborted) failures.push([name, error.message]);
    }
    done += 1;
    step();
  }, 3);
  return failures;
}

export function failuresOf(failures) {
  if (!failures.length) return null;
  return h("details", { class: "note bad", open: failures.length < 4 }, h("summary", {}, `${plural(failures.length, "picture was", "pictures were")} not taken`), h("ul", {}, failures.map(([name, message]) => h("li", {}, h("b", {}, name), `: ${message}`))));
}

const labelOf = (name) => name.split("/").slice(0, -1).map((part) => part.toLowerCase()).reverse().find((part) => part === "normal" || part === "anomaly")?.toUpperCase();

/** Let the user add pictures to a dataset, labelled by the name of their folder or all alike. */
export function addPictures(project, type) {
  const leave = new AbortController();
  document.getElementById("dialog").addEventListener("close", () => leave.abort(), { once: true });
  sheet(`Add pictures to the ${type === "test" ? "test" : "training"} dataset`, (close) => {
    const label = h("select", {}, [["By folder name: normal, anomaly", ""], ["All are normal", "NORMAL"], ["All are anomalies", "ANOMALY"]].map(([text, value]) => h("option", { value }, text)));
    const body = h("div", { class: "flow" });
    const begin = async (pictures) => {
      if (!pictures.length) return body.replaceChildren(note("There is no PNG or JPEG picture among these.", "bad"));
      const labelled = pictures.filter(([, name]) => label.value || labelOf(name)), others = pictures.length - labelled.length;
      if (!labelled.length) return body.replaceChildren(note("None of these pictures lies in a folder called normal or anomaly. Choose a label for all, or put them in such folders.", "bad"));
      const failures = await send(body, labelled, (file, name) => upload("PutDatasetImage", { ProjectName: project, DatasetType: type, Name: name, Label: label.value || labelOf(name) }, file, leave.signal), leave.signal)
        .catch((error) => [["All", error.message]]);
      if (leave.signal.aborted) return undefined;
      if (!failures.length) { close(); notify(`${plural(labelled.length, "picture")} added${others ? `; ${count(others)} in no folder called normal or anomaly left out` : ""}.`, "good"); return undefined; }
      return body.replaceChildren(failuresOf(failures));
    };
    return h("div", { class: "flow" }, field("Label", label), chooser(begin), body);
  });
}
