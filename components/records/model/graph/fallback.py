"""Updates over triples without a graph: they are those of a named graph, as in Neptune.

Neptune keeps no triple without a graph: what names none goes to `DefaultNamedGraph`, where `GRAPH ?g` finds
it. An update is rewritten so that it names that graph wherever it names none.
Source: Neptune's user guide, "SPARQL default graph and named graphs"; SPARQL 1.1 Update, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from brume.records.model.graph import syntax
from brume.records.model.graph.syntax import MalformedError, Token

DEFAULT = "http://aws.amazon.com/neptune/vocab/v01/DefaultNamedGraph"
_NAMED = f"<{DEFAULT}>"
_TAKEN = {"PREFIX": 3, "BASE": 2, "VERSION": 2, "CREATE": 0}  # tokens of what stays as it is; 0: to its end

_OF_QUADS = {("INSERT", "DATA"), ("DELETE", "DATA"), ("DELETE", "WHERE")}


def explicit(text: str) -> str:
    """Return an update, without comments, that names a graph everywhere. Raises `MalformedError`."""
    read = [token for token in syntax.tokens(text) if token.kind not in ("space", "comment")]
    parts: list[str] = []
    done = 0
    for begin, end, written in sorted(_changes(text, read)):
        parts += [text[done:begin], written]
        done = end
    return "".join([*parts, text[done:]])


def _changes(text: str, read: list[Token]) -> Iterator[tuple[int, int, str]]:
    """Yield (begin, end, text) of what is put in the place of what."""
    at = 0
    while at < len(read):
        token, word = read[at], _word(read, at)
        following = _word(read, at + 1)
        if token.text == ";":
            at += 1
        elif _TAKEN.get(word):
            at += _TAKEN[word]
        else:
            end = _end(read, at)
            operation = read[at:end]
            if (word, following) in _OF_QUADS:
                yield from _quads(operation[2:])
            elif word in ("INSERT", "DELETE") and following == "{":
                yield token.begin, token.begin, f"WITH {_NAMED} "
            elif word in ("CLEAR", "DROP", "ADD", "MOVE", "COPY"):
                yield from _managed(operation)
            elif word not in ("WITH", *_TAKEN):
                raise MalformedError(f"{syntax.place(text, token.begin)}: no update begins so")
            at = end


def _managed(operation: list[Token]) -> Iterator[tuple[int, int, str]]:
    """Name the graph that DEFAULT stands for. That it holds nothing is no error, as it is none of DEFAULT."""
    words = [token.text.upper() if token.kind == "word" else "" for token in operation]
    if "DEFAULT" not in words:
        return
    first = operation[0]
    clears = words[0] in ("CLEAR", "DROP")
    silent = "" if "SILENT" in words else " SILENT"
    if clears:  # Neptune has no graphs without triples
        yield first.begin, first.end, f"DROP{silent}"
    elif silent:
        yield first.end, first.end, silent
    for token, word in zip(operation, words, strict=True):
        if word == "DEFAULT":
            yield token.begin, token.end, f"GRAPH {_NAMED}"


def _quads(block: list[Token]) -> Iterator[tuple[int, int, str]]:
    """Put those triples of a block of quads that stand in no GRAPH into one."""
    depth, at, open_since = 0, 0, False
    while at < len(block):
        token = block[at]
        closes = token.text == "}" and depth == 1
        if depth == 1 and (closes or _word(block, at) == "GRAPH"):
            if open_since:
                yield token.begin, token.begin, "} "
                open_since = False
            if not closes:
                at = _end(block, at + 2, until="}") + 1
                continue
        elif depth == 1 and not open_since and token.text != ".":
            yield token.begin, token.begin, f"GRAPH {_NAMED} {{ "
            open_since = True
        depth += (token.text == "{") - (token.text == "}")
        at += 1


def _end(read: list[Token], at: int, until: str = ";") -> int:
    """Return the place of the token that ends what begins at `at`: outside braces, or the last."""
    depth = 0
    while at < len(read):
        text = read[at].text
        depth += (text == "{") - (text == "}")
        if text == until and not depth:
            return at
        at += 1
    return len(read)


def _word(read: list[Token], at: int) -> str:
    """Return a word in capitals, or a sign; "" for anything else."""
    if at >= len(read):
        return ""
    return read[at].text.upper() if read[at].kind in ("word", "sign") else ""
