"""What a graph is made of: counts by predicate, class and structure, as Neptune's RDF summary has them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from pyoxigraph import NamedNode, Store

from brume.records.model.graph.vocabulary import RDF

_MOST = 1000  # classes, predicates and structures that are listed


def summarise(store: Store, graphs: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the members of Neptune's `graphSummary`, detailed, and `signatureInfo` of its statistics.

    `graphs` are the addresses of those that are counted, None all. The memory it takes grows with the number
    of subjects. A structure is a set of predicates that subjects have, with the number of subjects that have
    exactly these.
    """
    predicates: Counter[str] = Counter()
    classes: set[str] = set()
    numbers: dict[str, int] = {}
    subjects: defaultdict[int, set[int]] = defaultdict(set)
    quads = 0
    wanted = [None] if graphs is None else [NamedNode(graph) for graph in graphs]
    for quad in (quad for graph in wanted for quad in store.quads_for_pattern(None, None, None, graph)):
        name = quad.predicate.value
        quads += 1
        predicates[name] += 1
        subjects[hash(quad.subject)].add(numbers.setdefault(name, len(numbers)))
        if name == RDF + "type":
            classes.add(getattr(quad.object, "value", ""))
    structures = Counter(frozenset(found) for found in subjects.values())
    names = list(numbers)
    return {
        "graphSummary": {
            "numDistinctSubjects": len(subjects),
            "numDistinctPredicates": len(predicates),
            "numQuads": quads,
            "numClasses": len(classes),
            "classes": sorted(classes)[:_MOST],
            "predicates": [{name: count} for name, count in predicates.most_common(_MOST)],
            "subjectStructures": [
                {"count": count, "predicates": sorted(names[number] for number in found)}
                for found, count in structures.most_common(_MOST)
            ],
        },
        "signatureInfo": {
            "signatureCount": len(structures),
            "instanceCount": len(subjects),
            "predicateCount": len(predicates),
        },
    }
