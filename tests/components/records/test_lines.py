"""Lines are counted from a length on."""

from brume.records.model.lines import count_lines


def test_lines_below_the_least_length_are_not_counted() -> None:
    assert [count_lines("\nx\nxx", least) for least in range(4)] == [3, 2, 1, 0]
