"""Text normalisation: how numbers, dates, money, abbreviations and addresses are read, and from where."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model.normal import normalise

ENGLISH = (
    (
        "Dr. Smith lives at 42 Main St. in St. Louis.",
        "doctor Smith lives at forty two Main street in saint Louis.",
    ),
    (
        "It cost $3.50, or €1,200.",
        "It cost three dollars and fifty cents, or one thousand two hundred euros.",
    ),
    ("$3.2 billion and $5k", "three point two billion dollars and five thousand dollars"),
    (
        "On Jan. 5th, 2019, and on 10/12/2019",
        "On January fifth, twenty nineteen, and on October twelfth twenty nineteen",
    ),
    ("5 January 2020, 2019-10-12", "the fifth of January twenty twenty, October twelfth twenty nineteen"),
    ("at 9:30am and 3:05 p.m. today", "at nine thirty A M and three oh five P M today"),
    (
        "5km, 3 kg at -5°C, 60 mph, 1 mi",
        "five kilometers, three kilograms at minus five degrees Celsius, sixty miles per hour, one mile",
    ),
    (
        "the 1980s, the ’90s, 2006, 1905, 2000",
        "the nineteen eighties, the nineties, two thousand six, nineteen oh five, two thousand",
    ),
    ("1,250 people, 1250 people", "one thousand two hundred fifty people, twelve fifty people"),
    (
        "1st, 22nd, 3/4, 1/2, 50%, 0.5",
        "first, twenty second, three quarters, one half, fifty percent, zero point five",
    ),
    ("U.S. policy, e.g. this", "U S policy, for example this"),
    ("Henry VIII, Chapter IV, I am", "Henry the eighth, Chapter four, I am"),
    ("https://www.example.com/blog?x=1", "example dot com slash blog"),
    ("mail joe@foo.org.", "mail joe at foo dot org."),
    (
        "555-1234, 1990-1995, v2.0.1",
        "five five five one two three four, nineteen ninety to nineteen ninety five, version "
        "two point zero point one",
    ),
    ("COVID-19, mp3, H2O, 18F", "COVID nineteen, mp three, H two O, eighteen F"),
    ("R&D & C++", "R and D and C plus plus"),
    ("easier—a mission (see fig. 3)", "easier, a mission, see figure three,"),
    ("A plan: plan A.", "a plan: plan A."),
    ("No. 5 is no. No. They said no.", "number five is no. No. They said no."),
    ("and/or 24/7", "and or twenty four seven"),
    ("J. K. Rowling, Acme Inc. The end.", "J K Rowling, Acme incorporated. The end."),
)
SPANISH = (
    ("El Sr. Pérez pagó 3,50 €.", "El señor Pérez pagó tres coma cincuenta euros."),
    (
        "el 5 de enero de 2020, el 12/10/2019",
        "el cinco de enero de dos mil veinte, el doce de octubre de dos mil diecinueve",
    ),
    (
        "1.250 personas, 21 páginas, 21 años",
        "mil doscientas cincuenta personas, veintiuna páginas, veintiún años",
    ),
    ("200 casas, 1 persona, 1 día, 500 días", "doscientas casas, una persona, un día, quinientos días"),
    ("El 1 de mayo a las 15:30", "El primero de mayo a las quince y treinta"),
    ("¡Cuesta $3,2 millones!", "Cuesta tres coma dos millones de dólares!"),
    ("EE. UU., la ONU y el ADN", "Estados Unidos, la ONU y el a de ene"),
    ("siglo XXI, Felipe VI, Juan Pablo II", "siglo veintiuno, Felipe sexto, Juan Pablo segundo"),
    ("5 km, 20°C, 50 %, 3/4", "cinco kilómetros, veinte grados Celsius, cincuenta por ciento, tres cuartos"),
    ("a las 7 p. m. y 8 a.m.", "a las siete de la tarde y ocho de la mañana."),
    ("1.º, 2ª, núm. 5", "primero, segunda, número cinco"),
    ("www.ejemplo.es/blog", "ejemplo punto es barra blog"),
    ("2.000.000 de euros, 31 millones", "dos millones de euros, treinta y un millones"),
    ("la pág. 3 de «Rayuela»", "la página tres de Rayuela"),
)


def read(text: str, language: str, **say_as: str) -> str:
    """Return what is spoken, with the punctuation that shapes it."""
    words = [f"{word.spoken}{word.after}" for word in normalise(text, language, **say_as)]
    return " ".join(word for word in words if word)


@pytest.mark.parametrize(("text", "spoken"), ENGLISH)
def test_english(text: str, spoken: str) -> None:
    assert read(text, "en") == spoken


@pytest.mark.parametrize(("text", "spoken"), SPANISH)
def test_spanish(text: str, spoken: str) -> None:
    assert read(text, "es") == spoken


@pytest.mark.parametrize(
    ("kind", "form", "text", "language", "spoken"),
    [
        ("characters", "", "AbC1", "en", "A B C one"),
        ("spell-out", "", "año", "es", "a eñe o"),
        ("cardinal", "", "1,234.5", "en", "one thousand two hundred thirty four point five"),
        ("number", "", "-7", "es", "menos siete"),
        ("ordinal", "", "21", "en", "twenty first"),
        ("digits", "", "2009", "es", "dos cero cero nueve"),
        ("fraction", "", "3+1/2", "en", "three and one half"),
        ("fraction", "", "2/9", "es", "dos novenos"),
        ("unit", "", "10cm", "en", "ten centimeters"),
        ("date", "", "12/31/2019", "en", "December thirty first twenty nineteen"),
        ("date", "dmy", "31-12-2019", "en", "December thirty first twenty nineteen"),
        ("date", "yyyymmdd", "????0922", "en", "September twenty second"),
        ("date", "my", "9/1999", "es", "septiembre de mil novecientos noventa y nueve"),
        ("time", "", "1'21\"", "en", "one minute twenty one seconds"),
        ("time", "", "2:30pm", "en", "two thirty P M"),
        ("telephone", "", "(555) 123-4567", "en", "five five five one two three four five six seven"),
        ("address", "", "12 Main St.", "en", "twelve Main street."),
        ("expletive", "", "damn", "en", "beep"),
        ("cardinal", "", "many", "en", "many"),
    ],
)
def test_say_as(kind: str, form: str, text: str, language: str, spoken: str) -> None:
    assert read(text, language, say_as=kind, format=form) == spoken


def test_kinds_and_formats_that_there_are_not_are_named() -> None:
    with pytest.raises(ValueError, match="'price' is none of characters, spell-out"):
        normalise("5", "en", say_as="price")
    with pytest.raises(ValueError, match="'ddd' is none of mdy, dmy"):
        normalise("5", "en", say_as="date", format="ddd")


@pytest.mark.parametrize("language", ["en", "es"])
@given(text=st.text(st.sampled_from("aAbéñ19 .,:;!?-—/'’\"()$€%°&@#+=_\n 👍中я"), max_size=60))
def test_every_reading_is_a_part_of_the_text_and_has_no_digits(language: str, text: str) -> None:
    """Places do not overlap, nothing with a letter or digit is left out, and no digit is left in."""
    found = normalise(text, language)
    places = [place for word in found for place in (word.start, word.end)]
    assert places == sorted(places)
    covered = set()
    for word in found:
        assert word.start < word.end
        assert not re.search(r"\d", word.spoken)
        assert word.after in ("", *".,?!;:")
        covered.update(range(word.start, word.end))
    assert all(index in covered for index, char in enumerate(text) if char.isalnum())


def test_names_keep_their_accents_and_their_places() -> None:
    text = "Zoë’s café — naïve"
    assert [(text[word.start : word.end], word.spoken) for word in normalise(text, "en")] == [
        ("Zoë’s", "Zoë's"),
        ("café", "café"),
        ("naïve", "naïve"),
    ]


def test_other_languages_are_left_to_voices_that_read_them() -> None:
    assert read("Es kostet 3,50 €, z. B. hier 👍", "de") == "Es kostet 3,50 €, z. B. hier"


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a.b-" * 50_000, "9" * 6_000, "1,000" * 2_000, "$9." + "9" * 6_000]
)
def test_long_texts_without_spaces_are_one_word(language: str, text: str) -> None:
    """Places of a number's limit and of searches that would take the square of the length."""
    (found,) = normalise(text, language)
    assert (found.start, found.end) == (0, len(text))
    assert found.spoken
    for kind in ("cardinal", "ordinal", "date", "time", "fraction", "telephone"):
        normalise(text[:6_000], language, say_as=kind)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("word", ["XX ", "912 345 678 x ", "EE. UU. "])
def test_many_words_of_one_kind_are_read_without_looking_at_all_others(language: str, word: str) -> None:
    """One that looked at all the words before it would take minutes."""
    assert len(normalise(word * 10_000, language)) == 10_000 * len(word.split())


def test_what_is_not_seen_does_not_change_a_word() -> None:
    assert read("\ufeffba\u00adnana\u200b, \u200fyes\x07", "en") == "banana, yes"
