// The graph around a note, a patient or a concept: drawn, and the same as a table.
import { orEmpty, records } from "./api.js";
import cytoscape from "./cytoscape.js";
import { button, count, crumbs, empty, field, h, heading, link, notify, place, plural, show, table } from "./dom.js";
import { csv, save } from "./files.js";
import { finder } from "./finder.js";
import { conceptPlace } from "./words.js";

const MOST = 300;
// Label, number of the colour, shape: what a node is shows without its colour too.
const GROUPS = {
  PATIENT: ["Patient", 6, "star"], NOTE: ["Note", 7, "round-rectangle"], CONDITION: ["Condition", 0, "ellipse"],
  DRUG: ["Drug", 2, "diamond"], PROCEDURE: ["Procedure", 3, "hexagon"], FINDING: ["Finding", 1, "triangle"],
};
const RELATIONS = {
  hasCondition: "has", hadCondition: "had", hasFinding: "has finding", takes: "takes", underwent: "underwent", hasFamilyHistoryOf: "has in the family",
  negated: "denies", possible: "may have", family: "has in the family", mentioned: "mentions", of: "is of", note: "is the subject of", broader: "is a kind of", together: "together with",
};
const KINDS = { note: "note", patient: "patient", concept: "concept" };
const relation = (name) => RELATIONS[name] ?? name;

/** Where to begin: with a concept that is looked for, a patient or a note by its id. */
export async function graphs({ root, signal }) {
  const kind = h("select", { id: "kind" }, h("option", { value: "patient" }, "Patient"), h("option", { value: "note" }, "Note"));
  const identity = h("input", { id: "identity", required: true, maxlength: 2048, autocomplete: "off", spellcheck: "false" });
  show(root, h("div", {}, heading("Graph"), h("p", { class: "lead" }, "What is connected with a concept, a patient or a note. Notes and timelines lead here too.")),
    h("div", { class: "row" },
      h("section", { class: "card flow", "aria-label": "By concept" }, h("h2", {}, "By concept"), finder((one) => { location.hash = place("graph", "concept", one.ConceptId); }, signal, "Show")),
      h("section", { class: "card", "aria-label": "By id" }, h("form", { class: "flow", onsubmit: (event) => {
        event.preventDefault();
        location.hash = place("graph", kind.value, identity.value.trim());
      } }, h("h2", {}, "By id"), field("What it is", kind), field("Id", identity), h("div", { class: "actions" }, h("button", { class: "button primary" }, "Show"))))));
}

export async function graph({ root, signal }, kind, identity) {
  if (!KINDS[kind]) throw new Error("There is no such graph.");
  const nodes = new Map(), edges = new Map(), expanded = new Set();
  let chosen = null, leftOut = 0;

  async function add(kind, id) {
    const room = MOST - nodes.size;
    if (room < 1 && nodes.size) return notify(`A graph has ${MOST} nodes at most: begin a new one from a node.`, "warn");
    const answer = await records("GetGraph", { Kind: kind.toUpperCase(), Id: id, MaxNodes: Math.min(MOST, room + 1) }, signal);
    for (const node of answer.Nodes) if (nodes.has(node.NodeId) || nodes.size < MOST) nodes.set(node.NodeId, node);
    for (const edge of answer.Edges ?? []) if (nodes.has(edge.Source) && nodes.has(edge.Target)) edges.set(`${edge.Source}\n${edge.Relation}\n${edge.Target}`, edge);
    leftOut += answer.LeftOut;
    expanded.add(answer.Nodes[0].NodeId);
    return answer.Nodes[0];
  }

  let first;
  if (!(await orEmpty(root, "Graph", async () => { first = await add(kind, identity); }))) return;
  const stage = h("div", { class: "drawing", "aria-hidden": "true" }), panel = h("aside", { class: "card panel", "aria-live": "polite", "aria-label": "Chosen node" });
  const said = h("p", { class: "total", role: "status" }), legend = h("ul", { class: "legend" }), listing = h("div", { class: "card table" });
  let drawn;

  function update() {
    said.textContent = `${plural(nodes.size, "node")}, ${plural(edges.size, "edge")}${leftOut ? `; for ${count(leftOut)} more there was no room` : ""}`;
    const groups = new Set([...nodes.values()].map((node) => node.Group));
    show(legend, Object.entries(GROUPS).filter(([name]) => groups.has(name)).map(([, [label, colour, shape]]) => h("li", {}, h("i", { class: `c${colour} shape ${shape}`, "aria-hidden": "true" }), label)));
    show(listing, table(["Node", "Kind", "Connected", "With"], [...nodes.values()].map((node) => {
      const some = [...edges.values()].filter((edge) => edge.Source === node.NodeId || edge.Target === node.NodeId);
      return [h("button", { type: "button", class: "link", data: { key: node.NodeId, node: node.NodeId }, onclick: () => { choose(node.NodeId); drawn.show(node.NodeId); } }, node.Label), GROUPS[node.Group]?.[0] ?? node.Group, count(some.length), some.slice(0, 3).map((edge) => sentence(edge, node.NodeId)).join("; ") + (some.length > 3 ? " …" : "")];
    }), "Nodes of the graph"));
    drawn.update(nodes, edges);
  }

  /** "takes metformin" of the patient, "metformin: John takes it" of the drug. */
  function sentence(edge, of) {
    return edge.Source === of ? `${relation(edge.Relation)} ${nodes.get(edge.Target).Label}` : `${nodes.get(edge.Source).Label} ${relation(edge.Relation)} it`;
  }

  async function expand(id) {
    const node = nodes.get(id);
    try {
      await add(node.Kind, node.Id);
    } catch (error) {
      if (signal.aborted) return;
      notify(error.message, "bad");
    }
    expanded.add(id);
    update();
    choose(id);
  }

  function choose(id) {
    chosen = nodes.get(id);
    drawn.choose(id);
    const node = chosen, some = [...edges.values()].filter((edge) => edge.Source === id || edge.Target === id);
    const away = { NOTE: ["Read the note", place("notes", node.Id)], PATIENT: ["Timeline", place("patients", node.Id)], CONCEPT: ["Notes with it", conceptPlace(node.Id)] }[node.Kind];
    const [label, colour] = GROUPS[node.Group] ?? [node.Group, 7];
    show(panel, h("h2", {}, node.Label), h("p", { class: "outcome" }, h("span", { class: `badge kind c${colour}` }, label), node.Detail ? h("span", { class: "mute" }, node.Kind === "NOTE" ? node.Detail.slice(0, 10) : node.Detail) : null),
      h("div", { class: "actions" }, button(expanded.has(id) ? "Expanded" : "Expand", () => expand(id), { class: "button primary slim", id: "expand", disabled: expanded.has(id), data: { key: "expand" } }), link(away[0], away[1], { class: "button slim" }), id === first.NodeId ? null : link("Begin here", place("graph", node.Kind.toLowerCase(), node.Id), { class: "button slim" })),
      h("ul", { class: "joined" }, some.slice(0, 40).map((edge) => h("li", {}, sentence(edge, id), edge.Count > 1 ? h("span", { class: "n" }, ` ×${count(edge.Count)}`) : null))),
      some.length > 40 ? h("p", { class: "mute" }, `and ${count(some.length - 40)} more, in the table below`) : null);
  }

  const name = () => `graph-${kind}`;
  const exported = () => save(`${name()}.csv`, csv([["Source", "SourceKind", "Relation", "Target", "TargetKind", "Count"], ...[...edges.values()].map((edge) => [nodes.get(edge.Source).Label, nodes.get(edge.Source).Group, edge.Relation, nodes.get(edge.Target).Label, nodes.get(edge.Target).Group, edge.Count])]));
  show(root, crumbs(["Graph", "#/graph"]),
    h("div", { class: "title tight" }, h("div", {}, heading(first.Label), h("p", { class: "line" }, h("span", {}, `The graph around this ${KINDS[kind]}`))),
      h("div", { class: "actions" }, button("Whole graph", () => drawn.fit(), { class: "button slim", id: "fit" }), button("PNG", async () => save(`${name()}.png`, await drawn.png()), { class: "button slim", id: "png" }), button("CSV", exported, { class: "button slim", id: "csv" }))),
    said, legend, h("div", { class: "reader graph" }, h("div", { class: "card stage" }, stage), panel),
    h("section", { "aria-labelledby": "nodes" }, h("h2", { id: "nodes" }, "The same as a table"), listing));
  drawn = draw(stage, choose, expand); // where it has its size
  signal.addEventListener("abort", () => drawn.end(), { once: true });
  if (nodes.size === 1) panel.before(empty("Nothing is connected with it", "Notes that mention it, and codes of its patients, would stand here."));
  update();
  choose(first.NodeId);
}

/** Which ring around the first node, the 0th, a node is in by its place: each has room for 20 more than the last. */
function ring(place) {
  let at = 0;
  for (let room = 1; place >= room; room += 20 * at) at += 1;
  return at;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function style() {
  return [
    { selector: "node", style: { label: "data(label)", "background-color": colour("--c7"), color: colour("--ink"), "font-family": colour("--font"), "font-size": 11, "text-wrap": "ellipsis", "text-max-width": 120, "text-valign": "bottom", "text-margin-y": 3, "min-zoomed-font-size": 8.5, "text-outline-color": colour("--card"), "text-outline-width": 2, width: 22, height: 22, "border-width": 1.5, "border-color": colour("--card") } },
    ...Object.entries(GROUPS).map(([name, [, number, shape]]) => ({ selector: `node[group = "${name}"]`, style: { "background-color": colour(`--c${number}`), shape } })),
    { selector: "edge", style: { width: "mapData(count, 1, 10, 1, 4)", "line-color": colour("--line"), "curve-style": "straight", "target-arrow-shape": "triangle", "target-arrow-color": colour("--line"), "arrow-scale": 0.8, opacity: 0.9 } },
    { selector: 'edge[relation = "negated"]', style: { "line-style": "dashed", "line-color": colour("--bad"), "target-arrow-color": colour("--bad") } },
    { selector: 'edge[relation = "possible"], edge[relation = "family"], edge[relation = "hasFamilyHistoryOf"]', style: { "line-style": "dotted" } },
    { selector: "node:selected", style: { "border-color": colour("--accent"), "border-width": 4 } },
    { selector: ".near", style: { "line-color": colour("--accent"), "target-arrow-color": colour("--accent") } },
  ];
}

/** Draw into `stage`; returns what changes the drawing. */
function draw(stage, onchoose, onexpand) {
  // Cytoscape would add a style of its own, which the page's policy forbids, unless there is an element of this id.
  if (!document.getElementById("__________cytoscape_stylesheet")) document.head.append(h("meta", { id: "__________cytoscape_stylesheet" }));
  const cy = cytoscape({ container: stage, style: style(), wheelSensitivity: 0.3, minZoom: 0.1, maxZoom: 4, boxSelectionEnabled: false, layout: { name: "null" } });
  const dark = window.matchMedia("(prefers-color-scheme: dark)"), restyle = () => cy.style(style());
  dark.addEventListener("change", restyle);
  cy.on("tap", "node", (event) => onchoose(event.target.id()));
  cy.on("dbltap", "node", (event) => onexpand(event.target.id()));
  // A few nodes would be drawn larger than the page's own words.
  const fit = () => {
    cy.resize();
    cy.fit(undefined, 24);
    if (cy.zoom() > 1.3) cy.zoom(1.3).center();
  };
  return {
    update(nodes, edges) {
      const before = cy.nodes().length;
      for (const node of nodes.values()) {
        if (cy.getElementById(node.NodeId).empty()) cy.add({ data: { id: node.NodeId, label: node.Label, group: node.Group, ring: ring(cy.nodes().length) } });
      }
      for (const [key, edge] of edges) {
        if (cy.getElementById(key).empty()) cy.add({ data: { id: key, source: edge.Source, target: edge.Target, relation: edge.Relation, count: edge.Count } });
      }
      if (cy.nodes().length === before) return;
      cy.resize();
      cy.layout(before ? { name: "cose", animate: false, randomize: false, nodeRepulsion: 9000, idealEdgeLength: 90, fit: false }
        : { name: "concentric", concentric: (node) => -node.data("ring"), levelWidth: () => 1, minNodeSpacing: cy.nodes().length > 40 ? 20 : 50, fit: false }).run();
      fit();
    },
    choose(id) {
      cy.elements().unselect().removeClass("near");
      cy.getElementById(id).select().connectedEdges().addClass("near");
    },
    show(id) {
      cy.center(cy.getElementById(id));
    },
    fit,
    png: () => cy.png({ output: "blob-promise", full: true, scale: 2, maxWidth: 6000, maxHeight: 6000, bg: colour("--card") }),
    end() {
      dark.removeEventListener("change", restyle);
      cy.destroy();
    },
  };
}
