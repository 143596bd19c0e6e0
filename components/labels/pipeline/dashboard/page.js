// The page: filters that act on everything, cards that show their view, and what a click opens.
const FILTERS = [["jobs", "Jobs", "job"], ["modalities", "Modalities", "modality"], ["workers", "Workers", "worker"]];

class Picker {
  constructor(name, title, one, options, changed) {
    Object.assign(this, { name, title, one, options, changed, chosen: new Set() });
    this.label = make("b");
    this.list = make("ul");
    const search = make("input", { type: "search", placeholder: "Find", "aria-label": `Find ${title.toLowerCase()}` });
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase();
      for (const item of this.list.children) item.hidden = !item.textContent.toLowerCase().includes(words);
    });
    this.box = make("details", { class: "pick", id: "pick-" + name, "aria-label": title }, make("summary", {}, title + " ", this.label),
      make("div", { class: "drop" }, options.length > 8 ? search : "", this.list));
    for (const option of options) {
      const check = make("input", { type: "checkbox", value: option });
      check.addEventListener("change", () => { check.checked ? this.chosen.add(option) : this.chosen.delete(option); this.changed(); });
      this.list.append(make("li", {}, make("label", {}, check, make("span", {}, option))));
    }
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.box.open) { this.box.open = false; this.box.querySelector("summary").focus(); }
    });
    this.set([]);
  }

  set(values) {
    this.chosen = new Set([...values].filter((value) => this.options.includes(value)));
    for (const check of all("input[type=checkbox]", this.list)) check.checked = this.chosen.has(check.value);
    this.showCount();
  }

  showCount() {
    const { size } = this.chosen;
    this.label.textContent = size === 0 ? `all ${grouped(this.options.length)}` : size === 1 ? [...this.chosen][0] : `${size} of ${this.options.length}`;
    this.box.classList.toggle("on", size > 0);
  }
}

class Dashboard {
  constructor(data) {
    this.data = data;
    this.views = new Map(data.views.map((view) => [view.name, view]));
    this.cards = all(".view").map((element) => this.card(element, this.views.get(element.dataset.view)));
    this.everything = new Evaluator(data.cubes, { jobs: new Set(), modalities: new Set(), workers: new Set(), start: -Infinity, end: Infinity });
    this.filters();
    for (const head of data.headlines.filter((it) => it.drill)) {
      const { cube, measure } = head.main, view = { title: head.title, cube, group: [], where: measure.where, drill: head.drill };
      const open = () => openDrillDown(this.drilldown.of(view, measure.where), data.masked);
      document.getElementById("n-" + head.name).querySelector("strong").replaceChildren(make("button", { type: "button", class: "link", title: "What is behind it", onclick: open }));
    }
    this.dark = matchMedia("(prefers-color-scheme: dark)").matches;
    this.colours();
  }

  card(element, view) {
    const card = { view, element, rows: [] }, does = element.querySelector(".does");
    const open = (place) => openDrillDown(this.drilldown.of(view, card.rows[place]), this.data.masked);
    card.nothing = make("p", { class: "mute nothing", hidden: true });
    element.append(card.nothing);
    card.data = make("div", { class: "data" });
    card.table = new Table(card.data, columnsOf(view), { title: view.title, open: view.drill ? open : null });
    if (view.chart) {
      card.chart = new Chart(element, view, open);
      card.data.hidden = true;
      card.note = make("p", { class: "mute part" });
      element.append(card.note);
      const toggle = make("button", { type: "button", class: "quiet", "aria-expanded": "false" }, "Table");
      toggle.setAttribute("aria-label", "Table: " + view.title);
      toggle.addEventListener("click", () => {
        card.data.hidden = !card.data.hidden;
        toggle.setAttribute("aria-expanded", String(!card.data.hidden));
        this.table(card);
      });
      does.append(toggle);
    }
    does.append(make("button", { type: "button", class: "quiet", "aria-label": "CSV: " + view.title, onclick: () => save(view.title, columnsOf(view), card.rows) }, "CSV"));
    element.append(card.data);
    return card;
  }

  filters() {
    const host = document.getElementById("filters"), changed = () => this.apply(), answered = new Set(this.data.cubes.answers.worker);
    const options = { jobs: this.data.cubes.jobs.shown, modalities: [...new Set(this.data.cubes.jobs.modality)].sort(), workers: this.data.cubes.workers.worker.filter((_, place) => answered.has(place)) };
    this.pickers = FILTERS.map(([name, title, one]) => new Picker(name, title, one, options[name], changed));
    const times = ["answers", "tasks"].flatMap((cube) => this.data.cubes[cube].time).filter((time) => time !== null);
    const range = times.reduce(([low, high], time) => [Math.min(low, time), Math.max(high, time)], [Infinity, -Infinity]);
    const stamp = (hours) => moment(hours).slice(0, 16);
    const limits = times.length ? { min: stamp(range[0]), max: stamp(range[1] + 1) } : {};
    this.from = make("input", { type: "datetime-local", step: "3600", id: "from", ...limits });
    this.to = make("input", { type: "datetime-local", step: "3600", id: "to", ...limits });
    for (const input of [this.from, this.to]) input.addEventListener("change", changed);
    this.clear = make("button", { type: "button", class: "quiet", id: "clear", hidden: true, onclick: () => this.restore(new URLSearchParams()) }, "Clear filters");
    host.append(...this.pickers.map((picker) => picker.box), make("span", { class: "when" }, make("label", { for: "from" }, "From"), this.from, make("label", { for: "to" }, "to"), this.to, make("i", {}, "UTC")), this.clear);
    document.addEventListener("click", (event) => this.pickers.forEach((picker) => { if (!picker.box.contains(event.target)) picker.box.open = false; }));
    document.getElementById("bar").hidden = false;
  }

  selection() {
    const [jobs, modalities, workers] = this.pickers.map((picker) => picker.chosen);
    const hours = (input) => (input.value ? Date.parse(input.value + "Z") / MILLISECONDS : NaN);
    const [start, end] = [hours(this.from), hours(this.to)];
    // "to 15:00" ends with the hour that begins at 14:00.
    return { jobs, modalities, workers, start: isNaN(start) ? -Infinity : start, end: isNaN(end) ? Infinity : end - 1 };
  }

  /** Sets the filters of an address. */
  restore(words) {
    for (const picker of this.pickers) picker.set(words.getAll(picker.name));
    this.from.value = words.get("from") || "";
    this.to.value = words.get("to") || "";
    return this.apply();
  }

  address() {
    const words = new URLSearchParams();
    for (const picker of this.pickers) for (const value of picker.chosen) words.append(picker.name, value);
    if (this.from.value) words.set("from", this.from.value);
    if (this.to.value) words.set("to", this.to.value);
    return words.toString();
  }

  async apply() {
    const words = this.address();
    this.pickers.forEach((picker) => picker.showCount());
    this.clear.hidden = !words;
    // A frame's page may have no address of its own.
    try { history.replaceState(null, "", words ? "#" + words : location.pathname + location.search); } catch { /* stays without */ }
    this.evaluator = new Evaluator(this.data.cubes, this.selection());
    this.drilldown = new DrillDown(this.data, this.evaluator);
    this.headlines();
    await Promise.all(this.cards.map((card) => this.show(card)));
    this.once();
    this.showState(words);
  }

  /** Cards of one part of the page that are empty for the same reason give it once. */
  once() {
    const messages = new Map();
    for (const card of this.cards) {
      card.element.hidden = false;
      if (card.rows.length) continue;
      const words = card.element.closest("section").id + card.nothing.textContent, first = messages.get(words);
      if (first) first.also.push(card.view.title);
      else messages.set(words, Object.assign(card, { also: [] }));
      card.element.hidden = Boolean(first);
    }
    for (const { nothing, also } of messages.values()) if (also.length) nothing.append(` The same holds for: ${also.join("; ")}.`);
  }

  headlines() {
    const figure = ({ cube, measure }) => this.evaluator.measure(cube, measure, this.evaluator.kept(cube));
    this.figures = {};
    for (const head of this.data.headlines) {
      const box = document.getElementById("n-" + head.name), value = (this.figures[head.name] = figure(head.main));
      const number = box.querySelector("strong").firstElementChild || box.querySelector("strong");
      number.textContent = text(value, head.main.measure.unit);
      const details = head.details.map((part) => [part, figure(part)]).filter(([, number]) => number);
      box.querySelector("span").textContent = details.map(([part, number]) => part.text.replace("{}", text(number, part.measure.unit))).join(" · ");
    }
  }

  showState(words) {
    const { jobs, answers, labels } = this.figures;
    const parts = this.pickers.filter((picker) => picker.chosen.size).map((picker) => `${picker.chosen.size} of ${picker.options.length} ${picker.title.toLowerCase()}`);
    if (this.from.value) parts.push("from " + this.from.value.replace("T", " "));
    if (this.to.value) parts.push("to " + this.to.value.replace("T", " "));
    const many = (value, one) => `${grouped(value)} ${one}${Math.round(value) === 1 ? "" : "s"}`;
    document.getElementById("state").textContent = (words ? `${parts.join(", ")}: ${many(jobs, "job")}, ${many(answers, "answer")}, ${many(labels, "label")}.` : "");
  }

  async show(card) {
    const { view, chart } = card;
    card.rows = this.evaluator.rows(view);
    card.nothing.hidden = card.rows.length > 0;
    if (!card.rows.length) card.nothing.textContent = this.everything.rows(view).length ? "Nothing is left with these filters." : view.empty;
    for (const button of all(".does button", card.element)) button.hidden = !card.rows.length;
    if (chart) {
      await chart.draw(card.rows);
      const of = new Set(card.rows.map((row) => row[view.group[0].name])).size, pairs = view.legend && view.group.length === 2;
      const [shown, total] = pairs ? [Math.min(of, view.most), of] : [Math.min(card.rows.length, view.most), card.rows.length];
      card.note.textContent = view.most && shown < total ? `${grouped(shown)} of ${grouped(total)} are drawn; the table has all.` : "";
    }
    this.table(card);
  }

  table(card) {
    if (card.rows.length && !card.data.hidden) card.table.show(card.rows);
    else card.data.replaceChildren();
  }

  colours() {
    const button = document.getElementById("theme");
    // The dark colours of the style stand under a media query: it is made to hold, or not to.
    const rules = all("style").flatMap((style) => [...style.sheet.cssRules]).filter((rule) => rule.media && rule.media.mediaText.includes("prefers-color-scheme: dark"));
    const set = async (dark) => {
      this.dark = dark;
      for (const rule of rules) rule.media.mediaText = dark ? "screen" : "not all";
      document.documentElement.style.colorScheme = dark ? "dark" : "light";
      button.textContent = dark ? "Light" : "Dark";
      button.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
      if (this.evaluator) await this.redraw();
    };
    button.hidden = false;
    button.textContent = this.dark ? "Light" : "Dark";
    button.addEventListener("click", () => set(!this.dark));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => set(event.matches));
  }

  redraw() { return Promise.all(this.cards.filter((card) => card.chart).map((card) => card.chart.redraw(card.rows))); }
}

function places() {
  for (const link of all('a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.getElementById(link.getAttribute("href").slice(1));
      target.scrollIntoView();
      target.setAttribute("tabindex", "-1");
      target.focus({ preventScroll: true });
    });
  }
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((it) => it.isIntersecting)) {
      for (const link of all("nav a")) {
        const here = link.getAttribute("href") === "#" + entry.target.id;
        link.classList.toggle("here", here);
        here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  all("main > section").forEach((section) => observer.observe(section));
}

function paper(board) {
  addEventListener("beforeprint", () => {
    for (const card of board.cards) {
      if (card.rows.length && !card.data.hidden) card.table.draw(PRINTED);
    }
  });
  addEventListener("afterprint", () => {
    for (const card of board.cards) board.table(card);
  });
}

async function start() {
  places();
  const [data, vega] = await Promise.all([unpacked("data").then(JSON.parse), unpacked("vega")]);
  document.head.append(make("script", {}, vega));
  for (const name of Object.keys(data.cubes)) data.cubes[name] = opened(data.cubes[name]);
  const board = new Dashboard(data);
  window.board = board;
  await board.restore(new URLSearchParams(location.hash.slice(1)));
  paper(board);
  const dialogBox = document.getElementById("behind");
  dialogBox.addEventListener("click", (event) => event.target === dialogBox && dialogBox.close());
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  const note = document.getElementById("failed");
  note.hidden = false;
  note.textContent = `The figures could not be drawn: ${error.message}. This page needs a browser of 2023 or later.`;
  throw error;
});
