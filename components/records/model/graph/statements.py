"""What a patient's notes and coded resources state, as quads of the patient's own graph.

Beside every mention, with its place, score and traits, stand edges from the patient to the concepts that
hold of it (`hasCondition`, `takes`, ...): questions about many patients need not read occurrences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Triple

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.graph import vocabulary as words
from brume.records.model.note import Note

Term = NamedNode | BlankNode | Literal | Triple

CONDITION, MEDICATION, PROCEDURE = "condition", "medication", "procedure"
_EDGES = {CONDITION: "hasCondition", MEDICATION: "takes", PROCEDURE: "underwent"}
_CATEGORIES = {
    "MEDICAL_CONDITION": CONDITION,
    "MEDICATION": MEDICATION,
    "TEST_TREATMENT_PROCEDURE": PROCEDURE,
}
# SNOMED's semantic tags, in the display: a situation of life (employment, housing) is coded as a Condition
# too, and would be what most patients have in common.
_SITUATIONS = ("(finding)", "(situation)", "(person)", "(social concept)")


@dataclass(frozen=True)
class Coded:
    """A code that a resource states of its patient: of a Condition, a MedicationRequest, a Procedure.

    `kind` is CONDITION, MEDICATION or PROCEDURE; `refuted` is a resource that says it is not so
    (verificationStatus refuted or entered-in-error, a medication not taken).
    """

    resource: str  # such as "Condition/ID"
    kind: str
    concept: Concept
    refuted: bool = False


@dataclass(frozen=True)
class Choice:
    """What of the mentions becomes edges, and what stands in AWS's vocabulary."""

    min_score: float = 0.70
    keep_negated: bool = True  # in AWS's vocabulary, which cannot say that something is absent


@dataclass(frozen=True)
class Edge:
    """A concept that holds of a patient, and how."""

    name: str
    concept: Concept


def patient_quads(
    patient: str,
    notes: Iterable[tuple[Note, Sequence[Entity]]],
    coded: Iterable[Coded] = (),
    choice: Choice | None = None,
) -> tuple[list[Quad], set[Edge]]:
    """Return all quads of a patient's graph, each once, and the patient's edges. Deterministic."""
    choice = choice or Choice()
    graph = words.graph_of(patient)
    edges: set[Edge] = set()
    found: dict[Quad, None] = {}
    for note, entities in notes:
        for triple in _note(note, entities, choice, edges):
            found[Quad(*triple, graph)] = None
    for one in coded:
        if not one.refuted:
            edges.add(edge_of(one))
        node = NamedNode(f"urn:brume:resource:{quote(one.resource, safe='/')}")
        for triple in _resource(node, one):
            found[Quad(*triple, graph)] = None
    if patient:
        node = words.patient_node(patient)
        found[Quad(node, words.TYPE, words.term("Patient"), graph)] = None
        for edge in sorted(edges, key=lambda edge: (edge.name, edge.concept.system, edge.concept.code)):
            found[Quad(node, words.term(edge.name), words.concept_node(edge.concept), graph)] = None
    return list(found), edges


def concept_quads(concepts: Iterable[Concept]) -> Iterator[Quad]:
    """Yield what is known of codes; the graph that they are in has nothing of a patient.

    A code of ICD-10-CM is `broader` than those that begin with it: its category has three characters.
    """
    for one in concepts:
        node = words.concept_node(one)
        yield Quad(node, words.TYPE, words.term("Concept"), words.CONCEPTS)
        yield Quad(node, words.term("code"), Literal(one.code), words.CONCEPTS)
        yield Quad(node, words.term("system"), Literal(one.system), words.CONCEPTS)
        if one.display:
            yield Quad(node, words.LABEL, Literal(one.display), words.CONCEPTS)
        if one.system == CodeSystem.ICD10CM and len(one.code) > 3:
            category = words.concept_node(Concept(one.system, one.code[:3], ""))
            yield Quad(node, words.term("broader"), category, words.CONCEPTS)


def _note(
    note: Note, entities: Sequence[Entity], choice: Choice, edges: set[Edge]
) -> Iterator[tuple[NamedNode, NamedNode, Term]]:
    document = words.document_node(note.id)
    yield document, words.TYPE, words.term("Document")
    if note.patient:
        yield document, words.term("patient"), words.patient_node(note.patient)
    for name in ("title", "kind", "date", "status", "version"):
        if value := getattr(note, name):
            yield document, words.term(name), Literal(value)
    names = words.aws_names(note)
    file_node = words.aws_text_node(names[0])
    yield file_node, words.TYPE, words.AWS_DOCUMENT
    for name in names:
        yield file_node, words.LABEL, Literal(name, language="en-us")
    yield document, words.term("file"), file_node
    for entity in entities:
        yield from _mention(document, note.id, entity)
        yield from _aws_mention(file_node, note.id, entity, choice)
        if edge := stated(entity, choice):
            edges.add(edge)


def stated(entity: Entity, choice: Choice) -> Edge | None:
    """Return what a mention states of the patient; None for what is absent, possible or another's."""
    kind = _CATEGORIES.get(entity.category)
    if kind is None or not entity.concepts or entity.score < choice.min_score:
        return None
    if entity.has(Trait.NEGATION) or entity.has(Trait.HYPOTHETICAL) or entity.has(Trait.LOW_CONFIDENCE):
        return None
    best = entity.concepts[0]
    if entity.has(Trait.FAMILY):
        return Edge("hasFamilyHistoryOf", best) if kind == CONDITION else None
    if entity.has(Trait.PAST_HISTORY):
        return Edge("hadCondition" if kind == CONDITION else _EDGES[kind], best)
    return Edge(_edge(kind, best), best)


def edge_of(one: Coded) -> Edge:
    """Return what a coded resource states of its patient."""
    return Edge(_edge(one.kind, one.concept), one.concept)


def _edge(kind: str, concept: Concept) -> str:
    if kind == CONDITION and concept.display.rstrip().endswith(_SITUATIONS):
        return "hasFinding"
    return _EDGES[kind]


def _code(entity: Entity) -> str:
    if entity.concepts:
        return f"{entity.concepts[0].system}|{entity.concepts[0].code}"
    return f"{entity.category}|{entity.type}"


def _mention(
    document: NamedNode, identity: str, entity: Entity
) -> Iterator[tuple[NamedNode, NamedNode, Term]]:
    key = words.occurrence(identity, entity.begin, entity.end, _code(entity))
    node = NamedNode(f"urn:brume:mention:{key}")
    yield node, words.TYPE, words.term("Mention")
    yield node, words.term("document"), document
    yield node, words.term("begin"), Literal(str(entity.begin), datatype=words.INTEGER)
    yield node, words.term("end"), Literal(str(entity.end), datatype=words.INTEGER)
    yield node, words.term("text"), Literal(entity.text)
    yield node, words.term("category"), Literal(entity.category)
    yield node, words.term("type"), Literal(entity.type)
    yield node, words.term("score"), Literal(f"{entity.score:.4f}", datatype=words.DECIMAL)
    if entity.section:
        yield node, words.term("section"), Literal(entity.section)
    for trait, _score in entity.traits:
        yield node, words.term("trait"), Literal(str(trait))
    for concept in entity.concepts[:1]:
        yield node, words.term("concept"), words.concept_node(concept)
    for attribute in entity.attributes:
        other = words.occurrence(identity, attribute.begin, attribute.end, _code(attribute))
        yield node, words.term("attribute"), NamedNode(f"urn:brume:mention:{other}")
        yield from _mention(document, identity, attribute)


def _aws_mention(
    file: NamedNode, identity: str, entity: Entity, choice: Choice
) -> Iterator[tuple[NamedNode, NamedNode, Term]]:
    """Yield a mention as the AWS sample writes it; the id of the occurrence does not change with each run."""
    token = words.aws_token(entity.text)
    if entity.score < choice.min_score or len(token) < 2:
        return
    if entity.has(Trait.NEGATION) and not choice.keep_negated:
        return
    key = words.occurrence(identity, entity.begin, entity.end, _code(entity))
    node, text = NamedNode(f"{words.AWS}resource/{key}"), words.aws_text_node(token)
    kind = quote(entity.type.lower(), safe="")
    yield node, words.TYPE, NamedNode(f"{words.AWS}entity-type/{kind}")
    yield node, words.HAS_TEXT, text
    yield node, words.FOUND_IN, file
    yield text, words.LABEL, Literal(token, language="en-us")


def _resource(node: NamedNode, one: Coded) -> Iterator[tuple[NamedNode, NamedNode, Term]]:
    yield node, words.TYPE, words.term("Resource")
    yield node, words.term("kind"), Literal(one.kind)
    yield node, words.term("concept"), words.concept_node(one.concept)
    yield node, words.term("refuted"), Literal("true" if one.refuted else "false")
