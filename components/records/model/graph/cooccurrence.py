"""How many patients have two conditions, or a condition and a drug: counted once, when the graph is written.

A query that counts this from occurrences reads every mention of every patient. Counts below `LEAST` are left
out: few patients of a kind can be recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations

from pyoxigraph import Literal, NamedNode, Quad

from brume.records.model.graph import vocabulary as words
from brume.records.model.graph.statements import Edge

LEAST = 11  # patients; the rule of the US Centers for Medicare & Medicaid Services for published tables
_COUNTED = ("hasCondition", "takes")


class Cooccurrence:
    """Counts of pairs over patients; memory is that of the pairs."""

    def __init__(self, least: int = LEAST) -> None:
        self._least = least
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._single: Counter[str] = Counter()

    def add(self, edges: Iterable[Edge]) -> None:
        """Count one patient."""
        concepts = sorted({words.concept_node(edge.concept).value for edge in edges if edge.name in _COUNTED})
        self._single.update(concepts)
        self._pairs.update(combinations(concepts, 2))

    def quads(self) -> Iterator[Quad]:
        """Yield the counts, in the order of their concepts."""
        for concept, patients in sorted(self._single.items()):
            if patients >= self._least:
                yield Quad(NamedNode(concept), words.term("patients"), _count(patients), words.DERIVED)
        for (one, other), patients in sorted(self._pairs.items()):
            if patients < self._least:
                continue
            first, second = NamedNode(one), NamedNode(other)
            node = words.pair_node(first, second)
            yield Quad(node, words.TYPE, words.term("Pair"), words.DERIVED)
            yield Quad(node, words.term("concept"), first, words.DERIVED)
            yield Quad(node, words.term("concept"), second, words.DERIVED)
            yield Quad(node, words.term("patients"), _count(patients), words.DERIVED)


def _count(number: int) -> Literal:
    return Literal(str(number), datatype=words.INTEGER)
