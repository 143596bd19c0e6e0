// Figures as a reader wants them (what formats.py does), and tables as CSV.
const NOTHING = "–", MILLISECONDS = 3600000, FILLED = 0.92, LONGEST_FILE = 44;
const grouped = (value, digits = 0) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const moment = (hours) => new Date(hours * MILLISECONDS).toISOString();

function duration(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 59.95) return seconds < 10 ? seconds.toFixed(1) + " s" : seconds.toFixed(0) + " s";
  let whole = Math.round(seconds), minutes = Math.floor(whole / 60), rest = whole % 60;
  if (minutes < 60) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  whole = Math.round(seconds / 60);
  const hours = Math.floor(whole / 60);
  rest = whole % 60;
  return hours < 100 && rest ? `${hours} h ${rest} min` : `${grouped(hours)} h`;
}

function text(value, unit) {
  if (value === null || value === undefined || value === "") return NOTHING;
  switch (unit) {
    case "count": return grouped(value);
    case "hours": return duration(value * 3600);
    case "seconds": return duration(value);
    case "share": return (value * 100).toFixed(1) + " %";
    case "score": return value.toFixed(2);
    case "number": return grouped(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
    case "time": return moment(value).slice(0, 13).replace("T", " ") + ":00";
    case "day": return moment(value).slice(0, 10);
    case "file": return value.length <= LONGEST_FILE ? value : "…" + value.slice(1 - LONGEST_FILE);
    default: return String(value);
  }
}

const NUMERIC = ["count", "hours", "seconds", "share", "score", "number", "id"];
const columnsOf = (view) => [...view.group, ...view.measures];

/** Rows as a chart needs them; each knows its row of the view. */
function drawn(view, rows) {
  const widths = { ...STEPS, time: 1 };
  return first(view, rows).map((row) => {
    const more = { row: rows.indexOf(row), names: view.group.map(({ name, unit }) => text(row[name], unit)).join(" – ") };
    for (const { name, unit } of columnsOf(view)) {
      more[name + "_text"] = text(row[name], unit);
      if (name in widths && row[name] !== null) {
        more[name + "_start"] = row[name] * MILLISECONDS;
        more[name + "_end"] = (row[name] + widths[name] * FILLED) * MILLISECONDS;
      }
    }
    return { ...row, ...more };
  });
}

function first(view, rows) {
  if (!view.most) return rows;
  if (!view.legend || view.group.length !== 2) return rows.slice(0, view.most);
  const name = view.group[0].name, measure = view.measures[0].name, totals = new Map();
  for (const row of rows) totals.set(row[name], (totals.get(row[name]) || 0) + (row[measure] || 0));
  const best = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a)).slice(0, view.most);
  const place = new Map(best.map((key, number) => [key, number]));
  return rows.filter((row) => place.has(row[name])).sort((a, b) => place.get(a[name]) - place.get(b[name]));
}

const UNIT_WORDS = { hours: " (hours)", seconds: " (seconds)", share: " (0 to 1)", time: " (UTC)" };

/** RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function csv(columns, rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    let words = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(words) && !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(words)) words = "'" + words;
    return /[",\r\n]/.test(words) ? '"' + words.replaceAll('"', '""') + '"' : words;
  };
  const raw = (value, unit) => (value !== null && (unit === "time" || unit === "day") ? text(value, unit) : value);
  const head = columns.map((column) => cell(column.title + (UNIT_WORDS[column.unit] || "")));
  const lines = rows.map((row) => columns.map((column) => cell(raw(row[column.name], column.unit))).join(","));
  return [head.join(","), ...lines].join("\r\n") + "\r\n";
}
