// Charts: each view's Vega-Lite specification, in the colours of the page, with its rows.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
};

const COLOURS = 12;

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

/** The configuration that `chart_specs.theme` makes for paper, of the colours that the style has now. */
function theme() {
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  const font = colour("--font"), soft = colour("--soft"), line = colour("--line"), ink = colour("--ink");
  const palette = Array.from({ length: COLOURS }, (_, number) => colour("--c" + number));
  const words = { labelColor: soft, titleColor: soft, labelFont: font, titleFont: font, titleFontWeight: 500, labelFontSize: 11.5, titleFontSize: 11.5 };
  return {
    background: null, font, view: { stroke: null }, range: { category: palette },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line }, axisY: { domain: false, ticks: false }, axisBand: { grid: false },
    legend: { ...words, symbolType: "square" }, text: { color: soft, font, fontSize: 11.5 }, bar: { color: palette[0] },
  };
}

class Chart {
  constructor(card, view, open) {
    this.view = view;
    this.open = open;
    this.host = make("div", { class: "chart", tabindex: "0", role: "group",
      "aria-label": view.title + ". Arrow keys go from mark to mark, Enter shows what is behind it; the table has the same figures." });
    this.legend = make("ul", { class: "legend" });
    // Vega names what it draws into by itself: the name is on what holds that.
    this.canvas = make("div", { "aria-hidden": "true" });
    this.host.append(this.canvas);
    this.at = -1;
    this.host.addEventListener("keydown", (event) => this.key(event));
    this.host.addEventListener("blur", () => this.mark(-1));
    if (view.legend) card.append(this.legend);
    card.append(this.host);
  }

  async draw(rows) {
    this.rows = drawn(this.view, rows);
    this.describe();
    if (this.host.hidden) return;
    if (this.result) {
      this.at = -1;
      await this.result.view.data("rows", this.rows).resize().runAsync();
    } else {
      const spec = { ...this.view.chart, autosize: { type: "fit-x", contains: "padding" }, datasets: { rows: this.rows }, config: theme() };
      this.result = await window.vegaEmbed(this.canvas, spec, { ast: true, actions: false, renderer: "svg", tooltip: false });
      const behind = (item) => item && item.datum && "row" in item.datum ? item.datum : null;
      this.result.view.addEventListener("click", (event, item) => behind(item) && this.open(behind(item).row));
      this.result.view.addEventListener("mousemove", (event, item) => tip(event.clientX, event.clientY, this.view, behind(item)));
      this.result.view.addEventListener("mouseout", () => tip());
    }
  }

  /** Draws anew, for other colours or another width. */
  async redraw(rows) {
    if (this.result) this.result.finalize();
    this.result = null;
    this.canvas.replaceChildren();
    await this.draw(rows);
  }

  describe() {
    const drawnOf = this.rows.length > 0;
    this.host.hidden = this.legend.hidden = !drawnOf;
    if (!this.view.legend) return;
    // Each part once; of a ring also how much of it it is.
    const whole = this.view.group.length === 1, parts = new Map(this.rows.map((row) => [row[this.view.legend], whole ? row.share_text : ""]));
    const place = (name) => this.view.domain.indexOf(name);
    this.legend.replaceChildren(...[...parts].sort((a, b) => place(a[0]) - place(b[0])).map(([name, share]) =>
      make("li", {}, make("i", { class: "c" + (Math.max(0, place(name)) % COLOURS) }), name, share ? make("b", {}, " " + share) : "")));
  }

  marks() {
    return all("path, rect, text", this.host).filter((element) => {
      const item = element.__data__;
      return item && item.mark && item.mark.marktype !== "text" && item.datum && "row" in item.datum;
    });
  }

  mark(place) {
    const marks = this.marks();
    marks.forEach((element, number) => element.classList.toggle("at", number === place));
    this.at = place;
    if (place < 0) return tip();
    const box = marks[place].getBoundingClientRect(), row = marks[place].__data__.datum;
    tip(box.right, box.top, this.view, row);
    announce(columnsOf(this.view).map((column) => `${column.title}: ${row[column.name + "_text"]}`).join(", "));
  }

  key(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }, marks = this.marks();
    if (event.key in steps && marks.length) {
      event.preventDefault();
      this.mark(Math.max(0, Math.min(marks.length - 1, this.at < 0 ? 0 : this.at + steps[event.key])));
    } else if ((event.key === "Enter" || event.key === " ") && this.at >= 0) {
      event.preventDefault();
      this.open(marks[this.at].__data__.datum.row);
    } else if (event.key === "Escape") this.mark(-1);
  }
}

/** The little table beside the pointer; without a row it goes away. */
function tip(x, y, view, row) {
  const box = document.getElementById("tip");
  box.hidden = !row;
  if (!row) return;
  const lines = columnsOf(view).filter((column) => row[column.name] !== null && row[column.name] !== "");
  box.replaceChildren(make("dl", {}, ...lines.map((column) => make("div", {}, make("dt", {}, column.title), make("dd", {}, row[column.name + "_text"])))));
  if (view.drill) box.append(make("p", {}, "Click for what is behind it"));
  const wide = box.offsetWidth, high = box.offsetHeight;
  box.style.left = Math.max(8, Math.min(x + 14, innerWidth - wide - 8)) + "px";
  box.style.top = Math.max(8, y + high + 20 > innerHeight ? y - high - 12 : y + 14) + "px";
}

/** Announces to a screen reader what the arrow keys have reached. */
function announce(message) { document.getElementById("announcement").textContent = message; }
