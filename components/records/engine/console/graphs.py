"""GetGraph: what lies around a note, a patient or a concept."""

from __future__ import annotations

from typing import Any

from brume.aws.engine.service import Call
from brume.records.engine.access.scopes import unseen
from brume.records.engine.console.common import absent
from brume.records.engine.console.shown_counts import ShownCounts
from brume.records.engine.console.views import View, Views, code_of
from brume.records.model.overview import neighbourhood
from brume.records.model.overview.neighbourhood import CONCEPT, MOST, NOTE, PATIENT, Graph, Node


class Graphs:
    """The operation that draws near."""

    def __init__(self, views: Views, counts: ShownCounts) -> None:
        self._views, self._counts = views, counts

    def get_graph(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetGraph."""
        view = self._views.of(call)
        kind, shown, most = request["Kind"].lower(), request["Id"], request.get("MaxNodes") or MOST
        identity = shown if kind == CONCEPT else view.original(kind, shown)
        try:
            graph = self._around(view, call, kind, identity, most)
        except KeyError as error:
            missing = absent(f"There is no {kind} {shown} in the lake, or you may not see it")
            raise unseen(missing, *_hidden(view, kind, identity)) from error
        seen = [f"Patient/{one}" if kind == PATIENT else one for kind, one in graph.nodes if kind != CONCEPT]
        self._views.showed(call, view, seen, identity if kind == CONCEPT else "")
        return {
            "Nodes": [_node(view, one) for one in graph.nodes.values()],
            "Edges": [
                {
                    "Source": _id(view, *one.source),
                    "Target": _id(view, *one.target),
                    "Relation": one.relation,
                    "Count": one.count,
                }
                for one in graph.links
            ],
            "LeftOut": graph.left_out,
        }

    def _around(self, view: View, call: Call, kind: str, identity: str, most: int) -> Graph:
        """Return the graph. Raises `KeyError`."""
        overview = view.overview
        if kind == NOTE:
            among = None if view.scope.patients is None else view.among
            return neighbourhood.around_note(overview, identity, among, most)
        if kind == PATIENT:
            return neighbourhood.around_patient(overview, identity, view.among, most)
        code = code_of(identity)
        if not view.hides:
            return neighbourhood.around_concept(overview, code, view.among, None, most)
        with self._counts.of(call, view) as counts:
            return neighbourhood.around_concept(overview, code, view.among, counts, most)


def _hidden(view: View, kind: str, identity: str) -> list[str]:
    """Return the id, as the audit has it, of a patient or note that is in the lake."""
    if kind == PATIENT:
        return [f"Patient/{identity}"] if identity in view.overview.numbers else []
    with view.overview.cursor() as cursor:
        found = cursor.execute("SELECT id FROM notes WHERE id = $note", {"note": identity}).fetchall()
    return [note for (note,) in found] if kind == NOTE else []


def _id(view: View, kind: str, identity: str) -> str:
    return f"{kind}:{identity if kind == CONCEPT else view.shown(kind, identity)}"


def _node(view: View, one: Node) -> dict[str, Any]:
    identity = one.id if one.kind == CONCEPT else view.shown(one.kind, one.id)
    label, detail = one.label, one.detail
    if view.hides:
        # The title of a note is free text, as is a name, and a day needs its patient to be moved.
        label = {NOTE: "Note", PATIENT: identity}.get(one.kind) or _display(view, one.id)
        detail = detail if one.kind == CONCEPT else ""
    return {
        "NodeId": _id(view, one.kind, one.id),
        "Kind": one.kind.upper(),
        "Id": identity,
        "Label": label,
        "Group": one.group.upper(),
        "Detail": detail or None,
    }


def _display(view: View, concept: str) -> str:
    code = code_of(concept)
    return view.overview.displays.get(code) or code[1]
