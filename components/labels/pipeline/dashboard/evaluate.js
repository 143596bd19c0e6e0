// The views over the filtered cubes: what evaluate.py does, function by function the same.
const OF_JOB = ["modality", "batch", "level", "status", "name"], OF_WORKER = ["email", "team", "id"];
const OF_TASK = ["job", "time", "state", "workers"], STEPS = { hour: 1, day: 24, week: 168 };

/** Opens the columns of a cube as encoding.py closed them. */
function opened(columns) {
  const found = {};
  for (const [name, it] of Object.entries(columns)) {
    if ("values" in it) found[name] = it.values.length ? it.codes.map((code) => (code < 0 ? null : it.values[code])) : it.codes.map(() => null);
    else if ("constant" in it) found[name] = new Array(it.length).fill(it.constant);
    else if ("steps" in it) { let sum = 0; found[name] = it.steps.map((step) => (sum += step)); }
    else if ("numbers" in it) found[name] = it.numbers;
  }
  for (const [name, it] of Object.entries(columns)) if ("same" in it) found[name] = found[it.same];
  return found;
}

class Evaluator {
  constructor(cubes, selection) {
    this.cubes = cubes;
    this.chosen = selection;
    this.narrow = selection.workers.size > 0 || selection.start > -Infinity || selection.end < Infinity;
    this.answered = null;
    this.memory = new Map();
    if (this.narrow) this.answered = new Set(this.kept("answers").map((row) => cubes.answers.job[row]));
  }

  column(cube, name) {
    const columns = this.cubes[cube];
    if (name === "job") return this.through("jobs", "shown", this.reference(cube, "job"));
    if (name === "worker" || name === "worker_a" || name === "worker_b") {
      if (cube === "workers") return (row) => columns.worker[row];
      return this.through("workers", "worker", this.reference(cube, name));
    }
    if (name in columns) return (row) => columns[name][row];
    if (name in STEPS) {
      const step = STEPS[name], time = this.reference(cube, "time");
      return (row) => { const at = time(row); return at === null ? null : Math.floor(at / step) * step; };
    }
    if (OF_JOB.includes(name)) return this.through("jobs", name, this.reference(cube, "job"));
    if (OF_WORKER.includes(name)) return this.through("workers", name, this.reference(cube, "worker"));
    return this.reference(cube, name);
  }

  reference(cube, name) {
    const columns = this.cubes[cube];
    if (name in columns) return (row) => columns[name][row];
    if ("task" in columns && OF_TASK.includes(name)) return this.through("tasks", name, (row) => columns.task[row]);
    return () => null;
  }

  through(cube, name, reference) {
    const values = this.cubes[cube][name];
    return (row) => { const target = reference(row); return target === null ? null : values[target]; };
  }

  /** The rows of a cube that the filters let through. */
  kept(cube) {
    if (this.memory.has(cube)) return this.memory.get(cube);
    const { jobs, modalities, workers, start, end } = this.chosen, columns = this.cubes[cube];
    const size = (Object.values(columns)[0] || []).length;
    const job = this.reference(cube, "job"), { shown, modality } = this.cubes.jobs, names = this.cubes.workers.worker;
    const who = ["worker", "worker_a", "worker_b"].filter((name) => name in columns).map((name) => this.reference(cube, name));
    const several = this.reference(cube, "workers"), time = this.reference(cube, "time");
    const timed = "time" in columns || "task" in columns, always = start === -Infinity && end === Infinity;
    const found = [];
    for (let row = 0; row < size; row++) {
      const of = job(row);
      if (jobs.size && (of === null || !jobs.has(shown[of]))) continue;
      if (modalities.size && (of === null || !modalities.has(modality[of]))) continue;
      if (this.narrow) {
        const mine = who.length ? who.map((read) => read(row)).filter((it) => it !== null) : several(row) || [];
        if (workers.size && (mine.length || timed) && !mine.some((it) => workers.has(names[it]))) continue;
        if (timed) {
          const when = time(row);
          if (!always && !(when !== null && start <= when && when <= end)) continue;
        } else if (this.answered && !this.answered.has(of)) continue;
      }
      found.push(row);
    }
    this.memory.set(cube, found);
    return found;
  }

  rows(view) {
    const kept = this.where(view.cube, view.where, this.kept(view.cube));
    const readers = view.group.map((column) => [column.name, this.column(view.cube, column.name)]);
    let found;
    if (view.plain) {
      found = kept.map((row) => Object.fromEntries(readers.map(([name, read]) => [name, read(row)])));
    } else {
      const groups = new Map();
      if (!readers.length) groups.set("[]", [[], []]);
      for (const row of kept) {
        const key = readers.map((reader) => reader[1](row)), text = JSON.stringify(key);
        if (!groups.has(text)) groups.set(text, [key, []]);
        groups.get(text)[1].push(row);
      }
      found = [...groups.values()].map(([key, members]) => {
        const row = {};
        readers.forEach(([name], place) => { row[name] = key[place]; });
        for (const measure of view.measures) row[measure.name] = this.measure(view.cube, measure, members);
        return row;
      });
      for (const measure of view.measures) {
        if (measure.op !== "share") continue;
        const totals = new Map(), part = (row) => (measure.over ? row[measure.over] : "");
        for (const row of found) totals.set(part(row), (totals.get(part(row)) || 0) + row[measure.name]);
        for (const row of found) { const total = totals.get(part(row)); row[measure.name] = total ? row[measure.name] / total : null; }
      }
    }
    return sorted(view, found);
  }

  measure(cube, measure, given) {
    const rows = this.where(cube, measure.where, given);
    if (measure.op === "count") return rows.length;
    const read = this.column(cube, measure.column), values = [];
    for (const row of rows) { const value = read(row); if (value !== null) values.push(value); }
    const sum = (list) => list.reduce((total, value) => total + value, 0);
    const reduced = (choose) => (values.length ? values.reduce((a, b) => choose(a, b)) * measure.scale : null);
    switch (measure.op) {
      case "sum": case "share": return sum(values) * measure.scale;
      case "distinct": return new Set(values).size;
      case "min": return reduced(Math.min);
      case "max": return reduced(Math.max);
      case "ratio": {
        const over = this.column(cube, measure.over), total = sum(rows.map(over).filter((value) => value !== null));
        return total ? (sum(values) / total) * measure.scale : null;
      }
      default: {
        const weight = this.column(cube, "n");
        const pairs = rows.map((row) => [read(row), weight(row)]).filter((pair) => pair[0] !== null).sort((a, b) => a[0] - b[0]);
        return quantile(pairs, measure.op === "median" ? 0.5 : 0.9, measure.scale);
      }
    }
  }

  where(cube, where, rows) {
    for (const [name, wanted] of Object.entries(where)) {
      const read = this.column(cube, name);
      rows = rows.filter((row) => read(row) === wanted);
    }
    return rows;
  }
}

function quantile(pairs, share, scale) {
  if (!pairs.length) return null;
  const place = share * (pairs.reduce((total, pair) => total + pair[1], 0) - 1);
  const at = (rank) => {
    let seen = 0;
    for (const [value, weight] of pairs) if ((seen += weight) > rank) return value;
    return pairs[pairs.length - 1][0];
  };
  const low = at(Math.floor(place)), high = at(Math.ceil(place));
  return (low + (high - low) * (place - Math.floor(place))) * scale;
}

function sorted(view, rows) {
  if (view.plain && !view.order) return rows;
  const places = new Map(view.domain.map((value, place) => [value, place]));
  const rank = (value) => {
    if (value === null) return [2, 0, ""];
    if (typeof value === "string") return [1, places.has(value) ? places.get(value) : places.size, value];
    return [0, value, ""];
  };
  const compare = (a, b) => {
    for (let k = 0; k < 3; k++) if (a[k] !== b[k]) return a[k] < b[k] ? -1 : 1;
    return 0;
  };
  const names = view.group.map((column) => column.name);
  rows.sort((a, b) => {
    for (const name of names) { const order = compare(rank(a[name]), rank(b[name])); if (order) return order; }
    return 0;
  });
  if (view.order) {
    const name = view.order.replace("-", ""), down = view.order[0] === "-";
    // What is missing comes last either way.
    rows.sort((a, b) => {
      if (a[name] === null || b[name] === null) return (a[name] === null) - (b[name] === null);
      return (down ? -1 : 1) * compare(rank(a[name]), rank(b[name]));
    });
  }
  return rows;
}
