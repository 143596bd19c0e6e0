"""Names in the graph: of patients, documents, mentions and concepts, and AWS's beside them.

Ids are made from what a thing is, never from when it was written, so that a second run writes the same graph.
Whatever comes from outside is percent-encoded: it cannot leave its place in an address.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from pyoxigraph import NamedNode

from brume.records.model.entity import CodeSystem, Concept
from brume.records.model.note import Note

BASE = "urn:brume:records:"  # of properties and classes
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
XSD = "http://www.w3.org/2001/XMLSchema#"

TYPE = NamedNode(f"{RDF}type")
LABEL = NamedNode(f"{RDFS}label")
INTEGER, DECIMAL = NamedNode(f"{XSD}integer"), NamedNode(f"{XSD}decimal")

# What the graph of the AWS sample aws-cdk-healthlake-knowledge-analyzer is made of.
AWS = "http://example.org/"
AWS_DOCUMENT = NamedNode(f"{AWS}entity-type/document")
HAS_TEXT = NamedNode(f"{AWS}relationship/has-text")
FOUND_IN = NamedNode(f"{AWS}relationship/found-in")

CONCEPTS = NamedNode("urn:brume:graph:concepts")  # graphs that hold nothing of one patient
DERIVED = NamedNode("urn:brume:graph:derived")
_SNOMED = "http://snomed.info/id/"  # SNOMED's URI standard, 2.2


def term(name: str) -> NamedNode:
    """Return a property or a class of this vocabulary."""
    return NamedNode(BASE + name)


def graph_of(patient: str) -> NamedNode:
    """Return the graph that holds all that is known of a patient; "" is for what names none."""
    return NamedNode(f"urn:brume:graph:patient:{_safe(patient)}" if patient else "urn:brume:graph:unassigned")


def patient_node(patient: str) -> NamedNode:
    """Return the node of a patient."""
    return NamedNode(f"urn:brume:patient:{_safe(patient)}")


def document_node(document: str) -> NamedNode:
    """Return the node of a document, by the id of its note."""
    return NamedNode(f"urn:brume:document:{quote(document, safe='/')}")


def concept_node(concept: Concept) -> NamedNode:
    """Return the node of a code: the address that its system gives it, or its system's followed by it."""
    base = _SNOMED if concept.system == CodeSystem.SNOMED else concept.system.rstrip("/#") + "/"
    return NamedNode(quote(base, safe=":/#?&=%") + _safe(concept.code))


def occurrence(document: str, begin: int, end: int, code: str) -> str:
    """Return the id of a mention: the same document, place and code are the same mention."""
    return _digest("mention", document, str(begin), str(end), code)


def pair_node(one: NamedNode, other: NamedNode) -> NamedNode:
    """Return the node of two concepts that occur together, in whatever order they are given."""
    return NamedNode(f"urn:brume:pair:{_digest('pair', *sorted((one.value, other.value)))}")


def aws_text_node(text: str) -> NamedNode:
    """Return the node of a text as the AWS sample makes it."""
    return NamedNode(f"{AWS}resource/{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}")


def aws_file(note: Note) -> str:
    """Return the name that the AWS sample gives a note's file: `{patient}___{resource}.txt`.

    Contents of a resource after the first have their number behind its id.
    """
    parts = note.id.split("/")
    resource = parts[1] if len(parts) > 1 else note.id
    number = f"_{parts[2]}" if len(parts) > 2 and parts[2] != "0" else ""
    return f"{note.patient}___{resource}{number}.txt"


def aws_names(note: Note) -> tuple[str, str]:
    """Return what the AWS sample may ask for a note by, as it compares texts: its file, and its id.

    The sample takes the name from the id of a document in Kendra: that of a file in S3, or that of a note.
    """
    return aws_token(aws_file(note)), aws_token(note.id)


def aws_token(text: str) -> str:
    """Return a text as the AWS sample compares it: in lower case, without quotation marks."""
    return text.lower().replace("'", "").replace('"', "")


def _safe(text: str) -> str:
    return quote(text, safe="")


def _digest(*parts: str) -> str:
    """Return a digest of texts; where one ends and the next begins is part of it."""
    written = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:32]
