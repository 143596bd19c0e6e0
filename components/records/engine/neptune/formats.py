"""Which form a result is sent in, by the Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from brume.records.model.graph.syntax import Form

# The media type of each form; the first of a kind is what is sent where nothing is asked for.
_RESULTS = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
_TRIPLES = {
    "nquads": "application/n-quads",
    "ntriples": "application/n-triples",
    "turtle": "text/turtle",
    "rdfxml": "application/rdf+xml",
}
_ALSO = {
    "application/json": "json",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/x-nquads": "nquads",
    "text/plain": "ntriples",
    "application/x-turtle": "turtle",
}


def negotiate(accept: str, form: Form) -> tuple[str, str]:
    """Return the name of a form of results and its media type.

    What the header names and is not written here is passed over: then it is JSON, or N-Quads of a graph, as
    Neptune has it.
    """
    kinds = _TRIPLES if form in (Form.CONSTRUCT, Form.DESCRIBE) else _RESULTS
    by_type = {media: name for name, media in kinds.items()}
    by_type |= {media: name for media, name in _ALSO.items() if name in kinds}
    best, found = 0.0, next(iter(kinds))
    for item in accept.lower().split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        weight = _weight(parameters)
        name = by_type.get(media, next(iter(kinds)) if media in ("*/*", "application/*") else "")
        if name and weight > best:
            best, found = weight, name
    return found, kinds[found]


def of_body(content_type: str) -> str:
    """Return the name of the form of RDF that a body has. Raises `ValueError` for another."""
    media = content_type.partition(";")[0].strip().lower()
    # Not text/plain, which any web page may send to an engine that is open on loopback.
    known = {given: name for given, name in _ALSO.items() if given != "text/plain" and name in _TRIPLES}
    known |= {given: name for name, given in _TRIPLES.items()}
    if media not in known:
        raise ValueError(f"the content type must be one of {', '.join(_TRIPLES.values())}")
    return known[media]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter.removeprefix("q="))
            except ValueError:
                return 0.0
    return 1.0
