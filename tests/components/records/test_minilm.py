"""Sentence embeddings: equal to those of the published model, however they are asked for."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from brume import weights
from brume.records.model.minilm import NAME, TOKENS, WIDTH, MiniLM, read_safetensors
from brume.records.model.wordpiece import WordPiece


@pytest.fixture(scope="module")
def network() -> MiniLM:
    try:
        return MiniLM.load()
    except weights.WeightsError as error:
        pytest.skip(str(error))


def test_cosines_are_those_of_the_documentation_of_sentence_transformers(network: MiniLM) -> None:
    """The three sentences of its quickstart, and the figures there."""
    rows = network.encode(
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    )
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.allclose(rows @ rows.T, expected, atol=6e-5)


def test_a_text_has_one_embedding_in_any_company(network: MiniLM) -> None:
    texts = ["chest pain", "shortness of breath on exertion for two weeks", "", "chest pain", "word " * 400]
    together = network.encode(texts)
    assert together.shape == (5, WIDTH) and together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.array_equal(together[0], together[3])
    for text, row in zip(texts, together, strict=True):
        assert np.allclose(network.encode([text])[0], row, atol=1e-5)
    assert network.encode([]).shape == (0, WIDTH)


@cache
def both() -> tuple[WordPiece, Any]:
    """Return our pieces and those of the library, of the model's own vocabulary."""
    library = pytest.importorskip("tokenizers")
    try:
        path = weights.find(NAME) / "vocab.txt"
    except weights.WeightsError as error:
        pytest.skip(str(error))
    return WordPiece.load(path), library.BertWordPieceTokenizer(str(path), lowercase=True)


def of_old(char: str) -> bool:
    """Whether a character is what it is since Unicode 3.2: the library's tables are older than Python's."""
    return unicodedata.ucd_3_2_0.category(char) == unicodedata.category(char)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cn"], max_codepoint=0xFFFF).filter(of_old), max_size=60)
)
@settings(max_examples=200, deadline=None)
def test_pieces_are_those_of_the_library_tokenizers(text: str) -> None:
    assume(not any(special in text for special in ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")))
    ours, reference = both()
    assert ours.encode(text, TOKENS) == reference.encode(text).ids


def test_a_long_text_is_cut_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nan\n##ti\nbody\n")
    pieces = WordPiece.load(tmp_path / "vocab.txt")
    assert pieces.encode("Anti body, " * 3, 6) == [2, 4, 5, 6, 1, 3]
    assert pieces.encode("x" * 200, 6) == [2, 1, 3]


def test_a_file_of_another_format_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x05\0\0\0\0\0\0\0nojson")
    with pytest.raises(weights.WeightsError, match=r"model.safetensors is no file of safetensors"):
        read_safetensors(tmp_path / "model.safetensors")
