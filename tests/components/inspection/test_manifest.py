"""Manifests: what users have, what is wrong in them, and what is written back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.inspection.model.manifest import (
    LineError,
    ManifestError,
    parse,
    parse_line,
    with_detection,
    write_line,
)
from tests.components.inspection.parts import line

KIND = "groundtruth/image-classification"


def labelled(number: object, name: str = "anomaly-label", **about: object) -> str:
    return json.dumps(
        {"source-ref": "s3://b/k.png", name: number, name + "-metadata": {"type": KIND, **about}}
    )


def test_the_class_name_counts_and_not_the_number() -> None:
    assert parse_line(labelled(1, **{"class-name": "anomaly"})).anomalous is True
    assert parse_line(labelled(1, **{"class-name": "normal"})).anomalous is False
    assert parse_line(labelled(0, **{"class-name": "Anomaly"})).anomalous is True


def test_without_a_class_name_one_is_an_anomaly() -> None:
    assert parse_line(labelled(1)).anomalous is True
    assert parse_line(labelled("0")).anomalous is False
    with pytest.raises(LineError, match="class-name"):
        parse_line(labelled(2))


def test_the_label_may_have_any_name_and_a_persons_goes_first() -> None:
    assert parse_line(labelled(1, "my-job", **{"class-name": "anomaly"})).anomalous is True
    both = json.loads(labelled(0, "auto", **{"class-name": "normal", "human-annotated": "no"}))
    both |= json.loads(labelled(1, "checked", **{"class-name": "anomaly", "human-annotated": "yes"}))
    assert parse_line(json.dumps(both)).anomalous is True


def test_a_line_without_a_label_is_not_labelled() -> None:
    assert parse_line('{"source-ref": "s3://b/k.png"}').anomalous is None


def test_masks_name_their_classes_and_background_is_none() -> None:
    found = parse_line(line("s3://b/k.png", True, mask=("s3://b/m.png", "crack", "#23a436")))
    assert (found.mask_ref, found.colors) == ("s3://b/m.png", (("crack", "#23A436"),))
    blank = parse_line(line("s3://b/k.png", False, mask=("s3://b/m.png", "BACKGROUND", "#ffffff")))
    assert blank.colors == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "not JSON"),
        ("[1]", "must be an object"),
        ('{"label": 1}', "source-ref"),
        ('{"source-ref": 7}', "source-ref"),
        ('{"source-ref": "s3://b/k", "anomaly-label": 1}', "anomaly-label-metadata"),
        (labelled(1, **{"class-name": "broken"}), "'broken'; it must be normal or anomaly"),
        (json.dumps({"source-ref": "s3://b/k", "x-metadata": {"type": KIND}}), "without x"),
        (line("s3://b/k.png", True, mask=("s3://b/m.png", "crack", "green")), "#RRGGBB"),
        (json.dumps({"source-ref": "s3://b/k", "note": "x" * 8200}), "8,192"),
    ],
)
def test_a_bad_line_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(LineError, match=reason):
        parse_line(text)


def test_all_bad_lines_are_listed_with_their_numbers() -> None:
    text = "\n".join(["{}", line("s3://b/1.png", True), "", "oops", line("s3://b/1.png", False)])
    with pytest.raises(ManifestError) as caught:
        parse(text.encode())
    message = str(caught.value)
    assert message.startswith("3 of 4 lines cannot be used: line 1: ")
    assert "line 4: it is not JSON" in message
    assert "line 5: it repeats the source-ref of line 2" in message


def test_a_thousand_bad_lines_make_a_message_of_bounded_length() -> None:
    with pytest.raises(ManifestError) as caught:
        parse(b"\n".join([b'{"source-ref": "' + b"x" * 3000 + b'"}'] * 1000))
    assert len(str(caught.value)) < 20_000
    assert str(caught.value).endswith("and 950 more")
    assert len(caught.value.problems) == 1000


def test_marks_of_windows_and_line_separators_inside_text_do_no_harm() -> None:
    text = (
        '\ufeff{"source-ref": "s3://b/a.png", "note": "one\u2028two"}\r\n{"source-ref": "s3://b/b.png"}\r\n'
    )
    assert [found.source_ref for found in parse(text.encode())] == ["s3://b/a.png", "s3://b/b.png"]


references = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60)


@given(references, st.sampled_from([None, True, False]), st.integers(0, 4_000_000_000))
def test_what_is_written_is_read_again(reference: str, anomalous: bool | None, seconds: int) -> None:
    found = parse_line(write_line("s3://bucket/" + reference, anomalous, seconds, "job"))
    assert (found.source_ref, found.anomalous) == ("s3://bucket/" + reference, anomalous)
    assert found.created == (None if anomalous is None else seconds)


@given(st.booleans(), st.booleans(), st.floats(0, 1))
def test_a_prediction_does_not_replace_the_label(truth: bool, predicted: bool, confidence: float) -> None:
    text = with_detection(write_line("s3://b/k.png", truth, 0, "job"), predicted, confidence, 0, "model")
    assert parse_line(text).anomalous is truth
    assert json.loads(text)["anomaly-label-detected"] == int(predicted)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        parse(data)
    except ManifestError as error:
        assert error.problems
