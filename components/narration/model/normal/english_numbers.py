"""Numbers as English words."""

from __future__ import annotations

from brume.narration.model.normal.readings import words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = words("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_POWERS = ("", " thousand", " million", " billion", " trillion", " quadrillion", " quintillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LARGEST = 10 ** (3 * len(_POWERS)) - 1


def cardinal(number: int) -> str:
    """Return `twenty one` of 21; digit by digit beyond `LARGEST`."""
    if number < 0:
        return "minus " + cardinal(-number)
    if number > LARGEST:
        return digits(str(number))
    if number < 20:
        return _ONES[number]
    groups = []
    for power in _POWERS:
        number, rest = divmod(number, 1000)
        if rest:
            groups.append(_hundreds(rest) + power)
        if not number:
            break
    return " ".join(reversed(groups))


def _hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        tens, ones = divmod(rest, 10)
        words.append(_TENS[tens] + (f" {_ONES[ones]}" if ones else ""))
    elif rest:
        words.append(_ONES[rest])
    return " ".join(words)


def ordinal(number: int) -> str:
    """Return `twenty first` of 21."""
    before, _, last = cardinal(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{before} {last}".strip()


def digits(text: str) -> str:
    """Return each digit as a word."""
    return " ".join(_ONES[int(digit)] for digit in text if digit.isdecimal())


def decimal(text: str) -> str:
    """Return `three point one four` of 3.14, written without grouping."""
    whole, _, part = text.partition(".")
    return (cardinal(int(whole)) if whole else "zero") + (f" point {digits(part)}" if part else "")


def year(number: int) -> str:
    """Return `nineteen eighty four` of 1984, `two thousand nine` of 2009."""
    before, after = divmod(number, 100)
    if number < 1000 or number > 9999 or number % 1000 < 10:
        return cardinal(number)
    if not after:
        return f"{cardinal(before)} hundred"
    return f"{cardinal(before)} {'oh ' if after < 10 else ''}{cardinal(after)}"


def plural(words: str) -> str:
    """Return the plural of a number word: `sixties`, `fourths`."""
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")
