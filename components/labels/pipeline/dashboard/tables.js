// Tables: sorted by their heads, shortened until asked for, and taken away as CSV.
const FEW = 10, MANY = 400, PRINTED = 40; // rows of a table
const TONES = { Completed: ["good", "✓ "], Failed: ["bad", "✕ "], Stopped: ["warn", "! "], Incomplete: ["warn", "! "], InProgress: ["", "… "] };

class Table {
  constructor(host, columns, { title, open = null, few = FEW }) {
    Object.assign(this, { host, columns, title, open, few, sort: null, down: false, whole: false });
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  sorted() {
    const order = this.rows.map((row, place) => [row, place]);
    if (this.sort === null) return order;
    const name = this.columns[this.sort].name;
    const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    return order.sort(([a], [b]) => {
      const empty = (value) => value === null || value === "";
      if (empty(a[name]) || empty(b[name])) return empty(a[name]) - empty(b[name]);
      return (this.down ? -1 : 1) * compare(a[name], b[name]);
    });
  }

  draw(most = this.whole ? MANY : this.few) {
    const heads = this.columns.map((column, place) => {
      const head = make("th", { scope: "col", class: NUMERIC.includes(column.unit) ? "num" : "" });
      if (this.sort === place) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      const again = () => {
        this.down = this.sort === place ? !this.down : NUMERIC.includes(column.unit);
        this.sort = place;
        this.draw();
        this.host.querySelectorAll("th button")[place].focus();
      };
      head.append(make("button", { type: "button", onclick: again }, column.title));
      return head;
    });
    const order = this.sorted(), body = make("tbody");
    for (const [row, place] of order.slice(0, most)) body.append(this.row(row, place));
    const table = make("table", { "aria-label": this.title }, make("thead", {}, make("tr", {}, ...heads)), body);
    this.host.replaceChildren(make("div", { class: this.whole ? "scroll tall" : "scroll", role: "region", "aria-label": this.title + ", table", tabindex: "0" }, table));
    if (order.length > this.few) {
      const shown = Math.min(order.length, most), toggle = () => { this.whole = !this.whole; this.draw(); this.host.querySelector(".more button").focus(); };
      const words = `${grouped(shown)} of ${grouped(order.length)} rows`;
      this.host.append(make("p", { class: "more mute" }, words + (order.length > MANY ? "; the CSV has all of them. " : ". "),
        make("button", { type: "button", class: "link", onclick: toggle }, this.whole ? "Show fewer" : `Show ${order.length > MANY ? "more" : "all"}`)));
    }
  }

  row(row, place) {
    return make("tr", {}, ...this.columns.map((column, number) => {
      const value = row[column.name], words = text(value, column.unit);
      const cell = make("td", { class: (NUMERIC.includes(column.unit) ? "num" : "") + (words.length > 48 ? " long" : "") + (words === NOTHING ? " mute" : ""), title: column.unit === "file" && value });
      const tone = column.name === "status" && TONES[value];
      if (tone) cell.append(make("span", { class: "badge " + tone[0] }, make("span", { "aria-hidden": "true" }, tone[1]), words));
      else if (this.open && number === 0) cell.append(make("button", { type: "button", class: "link", title: "What is behind it", onclick: () => this.open(place) }, words));
      else if (column.unit === "share" && value !== null) {
        const bar = make("span", { class: "bar c0" });
        bar.style.setProperty("--v", Math.max(0, Math.min(1, value)).toFixed(4));
        cell.classList.add("share");
        cell.append(bar, words);
      } else cell.append(words);
      return cell;
    }));
  }
}

/** Saves a table, or where the frame around the page forbids that, shows it to be copied. */
function save(name, columns, rows) {
  const content = csv(columns, rows), framed = window.self !== window.top && window.origin === "null";
  if (framed) return showText(name, content);
  // Spreadsheets know UTF-8 by its mark.
  const address = URL.createObjectURL(new Blob(["\ufeff", content], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: address, download: name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() + ".csv" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function showText(name, content) {
  const area = make("textarea", { readonly: true, rows: 16, "aria-label": name + " as CSV" });
  area.value = content;
  const copy = () => { area.select(); document.execCommand("copy"); };
  dialog(name, make("p", { class: "lead" }, "This page stands in a frame that may not save files. Copy the table, or open the page in a tab of its own."),
    area, make("button", { type: "button", class: "quiet", onclick: copy }, "Copy"));
}

function dialog(title, ...body) {
  const box = document.getElementById("behind");
  document.getElementById("behind-title").textContent = title;
  document.getElementById("behind-body").replaceChildren(...body);
  if (!box.open) box.showModal();
  box.scrollTop = 0;
  tip();
}
