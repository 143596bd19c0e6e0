// Drawings as SVG in the colours of the reports.
import { count, h, percent, s } from "./dom.js";

const LEFT = 46, RIGHT = 22, TOP = 10, BOTTOM = 26;

/** Drawn as wide as there is room, so that its words are as large as all others. */
const room = (taken) => Math.max(280, document.getElementById("view").clientWidth - taken);

/** Round steps from 0 to at least `most`. */
function steps(most, parts = 4) {
  const rough = Math.max(most, 1e-9) / parts, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  return Array.from({ length: parts + 1 }, (_, index) => index * step);
}

function frame(width, height, marks, text, label) {
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const top = marks[marks.length - 1], y = (value) => height - BOTTOM - (value / top) * (height - TOP - BOTTOM);
  for (const value of marks) {
    svg.append(s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }), s("text", { x: LEFT - 7, y: y(value) + 4, "text-anchor": "end" }, text(value)));
  }
  return { svg, y };
}

const CARD = 44; // pixels of a card's own edges

const WHEN = {
  MINUTE: { hour: "2-digit", minute: "2-digit" }, HOUR: { weekday: "short", hour: "2-digit", minute: "2-digit" },
  // Days begin at midnight UTC: elsewhere they would be shown as the day before.
  DAY: { day: "numeric", month: "short", timeZone: "UTC" }, WEEK: { day: "numeric", month: "short", timeZone: "UTC" },
};

function axis(svg, width, height, points, period) {
  const every = Math.ceil(points.length / Math.max(2, Math.floor(width / 110))), wide = (width - LEFT - RIGHT) / points.length;
  points.forEach((point, index) => {
    if (index % every) return;
    svg.append(s("text", { x: LEFT + (index + 0.5) * wide, y: height - 7, "text-anchor": "middle" }, point.at.toLocaleString("en-GB", WHEN[period])));
  });
  return wide;
}

/** Pictures processed in each period, the anomalous ones at the foot of each bar. */
export function activity(points, period, label) {
  const width = room(CARD), height = 260, whole = Math.max(4, ...points.map((point) => point.Processed));
  const { svg, y } = frame(width, height, steps(whole), (value) => count(value), label);
  const wide = axis(svg, width, height, points, period);
  points.forEach((point, index) => {
    const x = LEFT + index * wide + wide * 0.14, thick = Math.max(1, Math.min(wide * 0.72, 44));
    const column = s("g", {}, s("title", {}, `${point.at.toLocaleString("en-GB", WHEN[period])}: ${count(point.Processed)} processed, ${count(point.Anomalous)} anomalous`));
    for (const [from, to, colour] of [[0, point.Anomalous, "c1"], [point.Anomalous, point.Processed, "c0"]]) {
      if (to > from) column.append(s("rect", { class: `column ${colour}`, x, width: thick, y: y(to), height: y(from) - y(to), rx: Math.min(2, thick / 4) }));
    }
    svg.append(column);
  });
  return svg;
}

/** Share of anomalous pictures in each period; periods without pictures leave a gap. */
export function ratio(points, period, label) {
  const width = room(CARD), height = 170, known = points.map((point) => (point.Processed ? point.Anomalous / point.Processed : null));
  const { svg, y } = frame(width, height, steps(Math.max(0.04, ...known.map((value) => value ?? 0))), (value) => percent(value, 0), label);
  const wide = axis(svg, width, height, points, period);
  const at = (index) => LEFT + (index + 0.5) * wide;
  let run = [];
  const draw = () => {
    if (run.length > 1) svg.append(s("polyline", { class: "series c1", points: run.map(([i, value]) => `${at(i)},${y(value)}`).join(" ") }));
    run = [];
  };
  known.forEach((value, index) => (value === null ? draw() : run.push([index, value])));
  draw();
  known.forEach((value, index) => {
    if (value !== null) svg.append(s("circle", { class: "point c1", cx: at(index), cy: y(value), r: 3 }, s("title", {}, `${points[index].at.toLocaleString("en-GB", WHEN[period])}: ${percent(value)}`)));
  });
  return svg;
}

/** Precision, recall and F1 by threshold, with a mark at the chosen one. */
export function thresholds(curve, threshold, label) {
  const narrow = window.innerWidth < 900, width = room(narrow ? CARD : CARD + 370), height = 250, { svg, y } = frame(width, height, [0, 0.25, 0.5, 0.75, 1], (value) => value.toFixed(2), label);
  const x = (value) => LEFT + value * (width - LEFT - RIGHT);
  for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1]) svg.append(s("text", { x: x(value), y: height - 7, "text-anchor": "middle" }, value.toFixed(1)));
  for (const [member, colour] of SERIES) {
    const known = curve.filter((point) => point[member] !== undefined && point[member] !== null);
    svg.append(s("polyline", { class: `series ${colour}`, points: known.map((point) => `${x(point.Threshold)},${y(point[member])}`).join(" ") }, s("title", {}, member)));
  }
  svg.append(s("line", { class: "mark", x1: x(threshold), x2: x(threshold), y1: TOP, y2: height - BOTTOM }));
  return svg;
}

const SERIES = [["Precision", "c0"], ["Recall", "c1"], ["F1Score", "c2"]];

export function legend(items) {
  return h("ul", { class: "legend" }, items.map(([text, colour]) => h("li", {}, h("i", { class: `c${colour}` }), text)));
}

export const thresholdLegend = () => legend([["Precision", 0], ["Recall", 1], ["F1 score", 2]]);

/** A small line of what was processed, for a row of a table. */
export function spark(points) {
  const most = Math.max(1, ...points.map((point) => point.Processed)), wide = 120 / Math.max(points.length, 1);
  const svg = s("svg", { viewBox: "0 0 120 24", class: "spark", "aria-hidden": "true" });
  points.forEach((point, index) => {
    const height = (point.Processed / most) * 22, bad = (point.Anomalous / most) * 22;
    svg.append(s("rect", { class: "column c0", x: index * wide, width: Math.max(wide - 0.6, 0.6), y: 23 - height, height: height - bad }), s("rect", { class: "column c1", x: index * wide, width: Math.max(wide - 0.6, 0.6), y: 23 - bad, height: bad }));
  });
  return svg;
}

