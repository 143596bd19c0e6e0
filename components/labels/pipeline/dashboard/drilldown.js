// What is behind a mark or a row: jobs, items and ranges of frames, and the query that gives all of it.
const COLUMN = {
  job: { name: "job", title: "Job", unit: "text" }, item: { name: "item", title: "Item", unit: "id" },
  frames: { name: "frames", title: "Frames", unit: "text" }, file: { name: "file", title: "File", unit: "file" },
  worker: { name: "worker", title: "Worker", unit: "text" }, time: { name: "time", title: "Handed in", unit: "time" },
  took: { name: "took", title: "Time", unit: "seconds" }, labels: { name: "labels", title: "Labels", unit: "count" },
  count: { name: "count", title: "Count", unit: "count" }, state: { name: "state", title: "State", unit: "text" },
  object: { name: "object", title: "Object", unit: "text" }, detail: { name: "detail", title: "What", unit: "text" },
};
const columns = (...names) => names.map((name) => COLUMN[name]);
const quoted = (value) => "'" + String(value).replaceAll("'", "''") + "'";
const listed = (values) => [...values].map(quoted).join(", ");

/** A command for a shell: the query as one word of it. */
function command(sql) {
  return sql.includes("!") ? "brume sql '" + sql.replaceAll("'", "'\"'\"'") + "'" : 'brume sql "' + sql.replace(/[\\"$`]/g, "\\$&") + '"';
}

class DrillDown {
  constructor(data, evaluator) {
    this.data = data;
    this.evaluator = evaluator;
    this.cubes = data.cubes;
  }

  /** Title, columns, rows, a note and the query for a row of a view. */
  of(view, row) {
    const names = view.group.map((column) => column.name);
    let members = this.evaluator.where(view.cube, view.where, this.evaluator.kept(view.cube));
    for (const name of names) {
      const read = this.evaluator.column(view.cube, name);
      members = members.filter((member) => read(member) === row[name]);
    }
    const words = view.group.filter((column) => !view.plain || ["job", "kind", "item", "figure", "measure", "subject"].includes(column.name))
      .filter((column) => text(row[column.name], column.unit) !== NOTHING)
      .map((column) => (column.unit === "id" ? column.title.toLowerCase() + " " : "") + text(row[column.name], column.unit));
    return { title: [view.title, ...words].join(" · "), note: "", ...this[view.drill](view, row, members) };
  }

  answers(view, row, members) {
    const cube = this.cubes.answers, job = this.evaluator.column("answers", "job"), worker = this.evaluator.column("answers", "worker");
    const rows = members.map((member) => {
      const item = this.item(cube.job[member], cube.item[member]);
      return { job: job(member), item: cube.item[member], worker: worker(member), time: cube.time[member], took: cube.seconds[member],
        labels: cube.labels[member], frames: item === undefined ? null : this.cubes.items.span[item], file: item === undefined ? null : this.cubes.items.file[item] };
    });
    const note = this.data.whole ? "" : "Answers are added up on this page: a row is all that a worker answered in a job in that time. The query has each of them.";
    const pace = row.pace && row.pace !== "not judged" ? ` AND (file, answer) IN (SELECT (file, answer) FROM answer_quality WHERE pace = ${quoted(row.pace)})` : "";
    const sql = `SELECT job, item, worker, submitted, seconds, labels, file FROM answers WHERE ${this.where(members, "answers", row)}${pace} ORDER BY submitted`;
    return { columns: columns("job", "item", "frames", "worker", "time", "took", "labels", "file"), rows, note, sql };
  }

  tasks(view, row, members) { return this.items(new Set(members), members, view.cube, row); }

  jobs(view, row, members) {
    const read = this.evaluator.reference(view.cube, "job"), jobs = new Set(members.map(read));
    return this.items(new Set(this.evaluator.kept("tasks").filter((task) => jobs.has(this.cubes.tasks.job[task]))), members, view.cube, row);
  }

  pair(view, row, members) {
    const names = this.cubes.workers.worker, jobs = new Set(members.map((member) => this.cubes.agreement.job[member]));
    const both = [names.indexOf(row.worker_a), names.indexOf(row.worker_b)];
    const tasks = this.evaluator.kept("tasks").filter((task) => jobs.has(this.cubes.tasks.job[task]) && both.every((one) => this.cubes.tasks.workers[task].includes(one)));
    return this.items(new Set(tasks), members, view.cube, row);
  }

  values(view, row, members) {
    const attribute = this.data.attributes.find((it) => it.key === view.where.attribute);
    return this.ranges(attribute, row.value, row, members, new Set(members.map((member) => this.cubes.values.task[member])));
  }

  audit(view, row, members) {
    const jobs = new Set(members.map((member) => this.cubes.audit.job[member]));
    let tasks = this.evaluator.kept("tasks").filter((task) => jobs.has(this.cubes.tasks.job[task]));
    if (row.worker) {
      const one = this.cubes.workers.worker.indexOf(row.worker);
      tasks = tasks.filter((task) => this.cubes.tasks.workers[task].includes(one));
    }
    const [name, value] = row.subject && row.subject.includes(" = ") ? row.subject.split(" = ", 2) : ["", row.subject];
    const attribute = this.data.attributes.find((it) => it.record === "label" && it.name === name);
    if (!row.subject || !attribute || !attribute.values.includes(value)) return this.items(new Set(tasks), members, "audit", row);
    return this.ranges(attribute, value, row, members, new Set(tasks));
  }

  finding(view, row, members) {
    const cube = this.cubes.findings, job = this.evaluator.column("findings", "job"), worker = this.evaluator.column("findings", "worker");
    // One about a worker leads to what that worker handed in.
    if (view.plain && row.worker && row.item === null) {
      const [of, by] = ["job", "worker"].map((name) => this.evaluator.column("answers", name));
      const theirs = this.evaluator.kept("answers").filter((member) => by(member) === row.worker && (row.job === null || of(member) === row.job));
      return { ...this.answers(view, { worker: row.worker }, theirs), note: row.detail + "." };
    }
    const span = (a, b) => (a === null ? null : b === null || a === b ? String(a) : `${a}-${b}`);
    const rows = members.map((member) => {
      const item = this.item(cube.job[member], cube.item[member]), frames = span(cube.frame_no[member], cube.frame_end[member]);
      return { job: job(member), item: cube.item[member], frames: frames || (item === undefined ? null : this.cubes.items.span[item]), object: cube.object[member],
        worker: worker(member), detail: cube.detail[member], file: cube.file[member] };
    });
    const exactly = (name) => ` AND ${name} ${row[name] === null ? "IS NULL" : "= " + row[name]}`, more = view.plain ? exactly("item") + exactly("frame_no") : "";
    const sql = `SELECT * FROM findings WHERE kind = ${quoted(row.kind)} AND ${this.where(members, "findings", row)}${more} ORDER BY score DESC`;
    return { columns: columns("job", "item", "detail", "frames", "worker", "object", "file"), rows, sql };
  }

  /** The items of tasks, with all of their frames. */
  items(tasks, members, cube, row) {
    const items = this.cubes.items, job = this.evaluator.column("items", "job"), rows = [];
    for (let it = 0; it < items.item.length; it++) {
      if (tasks.has(items.task[it])) rows.push({ job: job(it), item: items.item[it], state: items.state[it], frames: items.span[it], labels: items.labels[it], file: items.file[it] || items.source[it] });
    }
    const state = row.state ? ` AND state = ${quoted(row.state)}` : "";
    const sql = `SELECT modality, job, item, state, reason, labels, frames, file FROM items WHERE ${this.where([...tasks], "tasks", row)}${state} ORDER BY job, item`;
    return { columns: columns("job", "item", "state", "frames", "labels", "file"), rows, sql };
  }

  /** The ranges of frames of one value of an attribute, in the given tasks. */
  ranges(attribute, value, row, members, tasks) {
    const { ranges, items } = this.cubes, job = this.evaluator.column("items", "job"), rows = [];
    const complete = this.data.complete.some(([key, of]) => key === attribute.key && of === value);
    const known = (it) => it < items.item.length && tasks.has(items.task[it]);
    if (complete) {
      for (let at = 0; at < ranges.item_row.length; at++) {
        const it = ranges.item_row[at];
        if (ranges.attribute[at] !== attribute.key || ranges.value[at] !== value || !known(it)) continue;
        rows.push({ job: job(it), item: items.item[it], frames: ranges.frames[at].replaceAll(",", ", "), count: ranges.n[at], file: items.file[it] || items.source[it] });
      }
    } else {
      for (let it = 0; it < items.item.length; it++) {
        if (known(it)) rows.push({ job: job(it), item: items.item[it], frames: items.span[it] && `among ${items.span[it]}`, count: null, file: items.file[it] || items.source[it] });
      }
    }
    const note = complete ? "" : `The ranges of this frequent value would make the page too large: these ${grouped(rows.length)} items have it or may have it. The query gives each frame.`;
    const table = attribute.record === "frame" ? "frames" : "labels";
    const what = attribute.record === "frame" ? "job, item, frame_no, file" : "job, item, frame_no, object_id, file";
    const sql = `SELECT ${what} FROM ${table} WHERE ${this.valued(attribute, value)} AND ${this.where([...tasks], "tasks", row)} ORDER BY job, item, frame_no`;
    return { columns: columns("job", "item", "frames", "count", "file"), rows, note, sql };
  }

  valued(attribute, value) {
    const column = attribute.name ? `element_at(attributes, ${quoted(attribute.name)})` : attribute.record === "frame" ? "labels" : "class";
    const bounds = value.split(" – ").map(Number);
    if (attribute.numeric && bounds.length === 2) {
      const whole = attribute.values.every((it) => it.split(" – ").every((part) => Number.isInteger(Number(part))));
      const number = attribute.name ? `try_cast(${column} AS double)` : column;
      return `${number} >= ${bounds[0]} AND ${number} ${whole ? "<=" : "<"} ${bounds[1]}`;
    }
    if (value === "other values") return `${column} NOT IN (${listed(attribute.values.filter((it) => it !== value))})`;
    if (attribute.numeric) return attribute.name ? `try_cast(${column} AS double) = ${Number(value)}` : `${column} = ${Number(value)}`;
    return `${column} = ${quoted(value)}`;
  }

  /** The conditions that a query needs to see the same: the jobs, and the workers and time of the row and the filters. */
  where(members, cube, row) {
    const { jobs } = this.cubes, of = this.evaluator.reference(cube, "job"), { workers, start, end } = this.evaluator.chosen;
    const used = [...new Set(members.map(of))].filter((job) => job !== null), parts = [];
    if (used.length && used.length < jobs.name.length) {
      const modalities = new Set(used.map((job) => jobs.modality[job]));
      parts.push(`modality IN (${listed(modalities)})`, `job IN (${listed(new Set(used.map((job) => jobs.name[job])))})`);
    }
    const idsOf = (names) => listed(this.cubes.workers.id.filter((id, place) => id && names.has(this.cubes.workers.worker[place])));
    const who = [row.worker, row.worker_a, row.worker_b].filter(Boolean).map((name) => new Set([name]));
    if (!who.length && row.team !== undefined) who.push(this.members(row.team));
    const wanted = (who.length ? who : workers.size ? [workers] : []).map(idsOf).filter(Boolean);
    // A step of time in the row narrows the filter's time.
    const step = ["hour", "day", "week", "time"].find((name) => name in row), timed = step && row[step] !== null;
    const from = timed ? Math.max(start, row[step]) : start;
    const to = timed ? Math.min(end + 1, row[step] + (step === "time" ? this.data.hours : STEPS[step])) : end + 1;
    const stamp = (hours) => `timestamp '${moment(hours).slice(0, 19).replace("T", " ")}'`;
    const when = (column) => [...(from > -Infinity ? [`${column} >= ${stamp(from)}`] : []), ...(to < Infinity ? [`${column} < ${stamp(to)}`] : [])];
    if (cube === "answers") {
      parts.push(...wanted.map((ids) => `worker IN (${ids})`), ...when("submitted"));
      if (typeof row.item === "number") parts.push(`item = ${row.item}`);
    } else if (cube === "findings") {
      parts.push(...wanted.map((ids) => (row.worker ? `worker IN (${ids})` : `(worker IN (${ids}) OR coalesce(worker, '') = '')`)));
    } else {
      const answered = [...wanted.map((ids) => `bool_or(worker IN (${ids}))`), ...when("max(submitted)")];
      const items = "SELECT modality, job, item FROM answers";
      if (answered.length) parts.push(`(modality, job, item) IN (${items} GROUP BY modality, job, item HAVING ${answered.join(" AND ")})`);
      else if (step && !timed) parts.push(`(modality, job, item) NOT IN (${items})`);
    }
    return parts.join(" AND ") || "true";
  }

  /** The names of a team's workers, of those that are chosen. */
  members(team) {
    const { workers } = this.cubes, chosen = this.evaluator.chosen.workers;
    return new Set(workers.worker.filter((name, place) => workers.team[place] === team && (!chosen.size || chosen.has(name))));
  }

  item(job, item) {
    if (!this.places) {
      const { items } = this.cubes;
      this.places = new Map(items.item.map((number, place) => [items.job[place] + " " + number, place]));
    }
    return this.places.get(job + " " + item);
  }
}

function openDrillDown(found, masked) {
  const host = make("div"), table = new Table(host, found.columns, { title: found.title, few: 25 });
  table.show(found.rows);
  const words = command(found.sql), code = make("code", { tabindex: "0" }, words);
  const copy = make("button", { type: "button", class: "quiet" }, "Copy");
  copy.addEventListener("click", () => {
    getSelection().selectAllChildren(code);
    copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  });
  const export_ = make("button", { type: "button", class: "quiet", onclick: () => save(found.title, found.columns, found.rows) }, "Save CSV");
  const parts = [make("p", { class: "mute" }, found.rows.length ? `${grouped(found.rows.length)} ${found.rows.length === 1 ? "row" : "rows"}. ${found.note}` : "Nothing of it is on this page: ask the lake."),
    ...(found.rows.length ? [make("div", { class: "does" }, export_), host] : []),
    make("div", { class: "sql" }, make("p", { class: "mute" }, masked ? "From the lake, in full (it knows workers by their ids, which this page does not have):" : "From the lake, in full:"), code, copy)];
  dialog(found.title, ...parts);
}
