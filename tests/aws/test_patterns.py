"""Patterns of service models, as the services read them."""

from __future__ import annotations

import pytest

from brume.aws.wire.patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("train|test", ["train", "test"], ["training", "a test", "train\n", ""]),
        ("^[a-z]+$", ["abc"], ["abc\n", "ABC", "a b"]),
        ("^[a-z]+", ["abc", "abc1"], ["1abc"]),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", ["Zürich 7", "語", "a=b", ""], ["a!", "😀"]),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", ["a 語 😀\n"], ["\x00"]),
        (r"[\p{Alnum}-]+", ["a-1"], ["é"]),
        (r"\P{L}+", ["123"], ["abc"]),
        (r"\w+", ["abc"], ["é"]),
        (r"[\[\]$]+", ["[$]"], ["a"]),
        (r"\$\{x\}", ["${x}"], ["x"]),
        (r"(?!xn--)[a-z]{1,3}\z", ["abc"], ["abcd"]),
    ],
)
def test_a_pattern_fits_what_the_service_takes(pattern: str, fitting: list[str], other: list[str]) -> None:
    fits = matcher(pattern)
    assert fits is not None
    assert all(fits(text) for text in fitting)
    assert not any(fits(text) for text in other)


@pytest.mark.parametrize("pattern", ["[a-z&&[^x]]", "[a[b]]", r"[\P{L}a]", r"\p{Nonsense}", "(", "*"])
def test_a_pattern_that_python_cannot_say_checks_nothing(pattern: str) -> None:
    assert matcher(pattern) is None
