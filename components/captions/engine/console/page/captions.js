// The page: settings, the words as they come, downloads.
import { Failure, ask, begin, microphone, played } from "./stream.js";

const byId = (id) => document.getElementById(id);
const transcript = byId("transcript"), spoken = byId("spoken");
let running = null, shown = null, items = [], lines = [], delays = [], origin = 0, last = 0;

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

const textOf = (list) => list.map((item, i) => (item.Type === "pronunciation" && i ? " " : "") + item.Content).join("");

/** Show one result. Words that stay are only ever added to; the others are replaced. */
function show(result, late) {
  if (shown?.id !== result.ResultId) {
    byId("hint").hidden = true;
    shown = { id: result.ResultId, kept: 0, unread: "", stable: element("span", "stable"), tentative: element("span", "tentative") };
    const line = element("p", "heard");
    line.append(shown.stable, shown.tentative);
    transcript.append(line);
  }
  const found = result.Alternatives[0].Items;
  const count = result.IsPartial ? Math.max(shown.kept, found.findIndex((item) => !item.Stable) < 0 ? found.length : found.findIndex((item) => !item.Stable)) : found.length;
  const fresh = found.slice(shown.kept, count);
  const text = fresh.map((item, i) => (item.Type === "pronunciation" && shown.kept + i ? " " : "") + item.Content).join("");
  shown.stable.append(text);
  shown.unread += text;
  for (const item of fresh) {
    items.push([item.Content, origin + item.StartTime, origin + item.EndTime, item.Type === "pronunciation"]);
    last = origin + item.EndTime;
    if (item.Type === "pronunciation") delays.push(late - item.EndTime);
  }
  shown.kept = count;
  const rest = textOf(found.slice(count));
  shown.tentative.textContent = rest && count && found[count].Type === "pronunciation" ? ` ${rest}` : rest;
  // Read out by clause: word by word, a screen reader would never catch up.
  if (shown.unread.trim() && (!result.IsPartial || /[.,?!;:]$/.test(shown.unread))) {
    spoken.append(element("p", "", shown.unread.trim()));
    shown.unread = "";
    while (spoken.children.length > 20) spoken.firstChild.remove();
  }
  if (!result.IsPartial) {
    if (found.length) lines.push(textOf(found));
    shown = null;
  }
  transcript.scrollTop = transcript.scrollHeight;
  measure();
  buttons();
}

function measure() {
  const recent = delays.slice(-200).sort((a, b) => a - b);
  if (!recent.length) return;
  const at = (share) => recent[Math.min(recent.length - 1, Math.floor(share * recent.length))].toFixed(1);
  byId("latency").textContent = `Words are final ${at(0.5)} s after they are spoken (95 %: ${at(0.95)} s).`;
}

function status(text, live = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("live", live);
}

function trouble(text) {
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}

function buttons() {
  byId("stop").disabled = !running;
  byId("microphone").disabled = byId("choose").disabled = byId("language").disabled = byId("level").disabled = Boolean(running);
  byId("txt").disabled = byId("vtt").disabled = !items.length;
  byId("clear").disabled = Boolean(running) || !transcript.querySelector(".heard");
}

function parameters() {
  const codes = byId("language").value, level = document.querySelector("[name=level]:checked").value;
  return {
    ...(codes.includes(",") ? { "identify-language": "true", "language-options": codes } : { "language-code": codes }),
    ...(level ? { "enable-partial-results-stabilization": "true", "partial-results-stability": level } : {}),
  };
}

async function run(open, words) {
  trouble("");
  status("Starting…");
  running = { stop: () => {} };
  delays = [];
  origin = last;
  byId("latency").textContent = "";
  buttons();
  try {
    running = await begin(open, parameters(), { result: show, listening: () => status(words, true) });
    byId("stop").focus();
    await running.done;
    status("Stopped.");
  } catch (error) {
    if (!(error instanceof Failure)) console.error(error);
    trouble(error.message);
    status("Stopped.");
  }
  if (shown?.stable.textContent) lines.push(shown.stable.textContent);
  running = shown = null;
  buttons();
}

function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

byId("microphone").addEventListener("click", () => run(microphone, "Listening"));
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) run((context) => played(context, file), `Playing ${file.name}`);
});
byId("stop").addEventListener("click", () => {
  status("Finishing…");
  running?.stop();
});
byId("clear").addEventListener("click", () => {
  for (const line of transcript.querySelectorAll(".heard")) line.remove();
  spoken.replaceChildren();
  byId("hint").hidden = false;
  origin = last = 0;
  [items, lines] = [[], []];
  byId("latency").textContent = "";
  buttons();
  byId("microphone").focus();
});
byId("txt").addEventListener("click", () => {
  const open = shown ? [shown.stable.textContent] : [];
  save("captions.txt", new Blob([[...lines, ...open].join("\n") + "\n"], { type: "text/plain" }));
});
byId("vtt").addEventListener("click", async () => {
  try {
    const answer = await ask("subtitles/vtt", { items, language: byId("language").value.split(",")[0] });
    save("captions.vtt", await answer.blob());
  } catch (error) {
    trouble(error.message);
  }
});
byId("size").addEventListener("change", ({ target }) => transcript.style.setProperty("--size", target.value));
byId("contrast").addEventListener("change", ({ target }) => document.documentElement.classList.toggle("contrast", target.checked));
for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
if (matchMedia("(prefers-contrast: more)").matches) byId("contrast").click();
buttons();
