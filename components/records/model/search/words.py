"""Words of a text as the index knows them: stems in lower case, no accents, no stop words."""

from __future__ import annotations

from dataclasses import dataclass

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer


@dataclass(frozen=True)
class Word:
    """One word: its stem, and its place in the text in code points."""

    stem: str
    begin: int
    end: int


def analyzer() -> TextAnalyzer:
    """Return tantivy's analyzer for English notes."""
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(60))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stopword("english"))
        .filter(Filter.stemmer("english"))
        .build()
    )


_ANALYZER = analyzer()


def words(text: str) -> list[Word]:
    """Return the words of a text."""
    tokens = _ANALYZER.pre_tokenize(text).tokens
    return [Word(token.text, token.char_offset_from, token.char_offset_to) for token in tokens]


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, in their order."""
    return tuple(_ANALYZER.analyze(text))
