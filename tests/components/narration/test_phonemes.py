"""Words to phonemes: English by dictionary and context, Spanish by its letters, IPA that is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume import weights
from brume.narration.model.alphabet import IDS, from_ipa, ipa
from brume.narration.model.english_phonemes import English
from brume.narration.model.script import Word
from brume.narration.model.spanish import Spanish, phonemes
from brume.narration.model.utterances import LONGEST, utterances
from tests.components.narration.installed import require_weights, words

# As espeak-ng 1.51 reads them (es), but for its secondary stress.
SPANISH = (
    "reina=rˈAna aire=ˈIɾe causa=kˈWsa hoy=ˈoɪ deuda=dˈeʊða ciudad=θjuðˈad cuidado=kwiðˈaðo guerra=ɡˈera "
    "pingüino=piŋɡuˈino quien=kjˈen cielo=θjˈelo zapato=θapˈato gente=xˈɛnte jamón=xamˈon agua=ˈaɣwa "
    "llave=ʎˈaβe yo=ʝˈo rey=rˈA hacer=aθˈeɾ ahora=aˈoɾa perro=pˈero rosa=rˈosa enrique=enrˈike "
    "alrededor=alreðeðˈoɾ dado=dˈaðo abuelo=aβwˈelo vivir=biβˈiɾ gato=ɡˈato lago=lˈaɣo chile=ʧˈile "
    "año=ˈaɲo extraño=ekstɾˈaɲo también=tambjˈen país=paˈis maíz=maˈiθ búho=bˈuo línea=lˈinea "
    "canción=kanθjˈon fácil=fˈaθil árbol=ˈaɾβol desde=dˈesðe día=dˈia oír=oˈiɾ continuo=kontˈinwo "
    "dieciséis=djeθisˈeis rápidamente=rˈapiðamˈente psicología=sikoloxˈia enviar=embjˈaɾ ancho=ˈanʧo "
    "huevo=wˈeβo hierba=jˈeɾβa muy=mˈuj ruido=ruˈiðo construir=konstɾuˈiɾ éxito=ˈeksito "
    "xilófono=silˈofono"
)


@pytest.fixture(scope="module")
def english() -> English:
    require_weights("hibari")
    return English(weights.find("hibari"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("I read it. I will read it.", "ˌI ɹˈɛd ɪt. ˌI wɪl ɹˈid ɪt."),
        ("We live here; the live show.", "wˌi lˈɪv hˈɪɹ; ðə lˈIv ʃˈO."),
        ("the apple, the pear", "ði ˈæpᵊl, ðə pˈɛɹ"),
        ("to eat, to go", "tʊ ˈit, tə ɡˌO"),
        ("U.S. of the FBI and NASA", "jˌuˈɛs ʌv ði ˌɛfbˌiˈI ænd nˈæsə"),
        ("He used to use it.", "hˌi jˈust tə jˈuz ɪt."),
        ("painted, boxes, stopped", "pˈAntᵻd, bˈɑksᵻz, stˈɑpt"),
        ("A plan, plan A", "ɐ plˈæn, plˈæn ˈA"),
        ("GitHub's", "ɡˌɪthˈʌbz"),
    ],
)  # fmt: skip
def test_english_words_are_read_as_their_sentence_asks(english: English, text: str, read: str) -> None:
    found = words(text)
    assert " ".join(
        phonemes + word.after for phonemes, word in zip(english.read(found), found, strict=True)
    ) == read  # fmt: skip


def test_unknown_words_and_names_with_accents_are_read(english: English) -> None:
    for word in ("kubectl", "Brume", "Zoë", "Pérez", "Gdańsk", "COVID", "XKCDZ", "ubiquitousness"):
        (found,) = english.read(words(word))
        assert set(found) <= set(IDS), word
        assert any(symbol in "ˈˌ" or ipa(symbol) for symbol in found), word


def test_what_is_of_another_script_has_no_phonemes(english: English) -> None:
    assert english.read(words("Peking 北京"))[1] == ""
    assert phonemes("москва") == ""


@pytest.mark.parametrize(("word", "read"), [pair.split("=") for pair in SPANISH.split(" ")])
def test_spanish_words_are_read_by_their_letters(word: str, read: str) -> None:
    assert phonemes(word).replace("ˌ", "") == read


def test_spanish_words_without_stress_and_with_phonemes_of_their_own() -> None:
    given = [Word("la", 0, 2, "la"), Word("x", 3, 4, "x", phonemes="ˈkasa"), Word("n.º", 5, 8, "número dos")]
    assert Spanish().read(given) == ["la", "kˈasa".replace("kˈ", "ˈk"), "nˈumeɾo dˈos"]


@given(st.text("abcdefghijklmnñopqrstuvwxyzáéíóúüç'", max_size=20))
def test_every_spanish_word_has_only_symbols_that_the_voices_know(word: str) -> None:
    assert set(phonemes(word)) <= set(IDS)


def test_ipa_becomes_the_voices_own_symbols() -> None:
    assert from_ipa("pɪˈkɑːn", english=True) == "pɪˈkɑn"
    assert from_ipa("ˈt͡ʃeɪndʒ", english=True) == "ˈʧAnʤ"
    assert from_ipa("həˈloʊ", english=True) == "həˈlO"
    assert from_ipa("ˈpero", english=False) == "ˈpero"
    with pytest.raises(ValueError, match="'ʘ', which the voice does not know"):
        from_ipa("ʘa", english=True)


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * LONGEST // 2), st.sampled_from(["", "", "", ",", "."])), max_size=30
    )
)
def test_long_sentences_are_spoken_in_parts_that_lose_nothing(sizes: list[tuple[int, str]]) -> None:
    given = [Word("w", 0, 1, "w", after=after) for _, after in sizes]
    read = ["a" * size for size, _ in sizes]
    parts = list(utterances(given, read))
    assert all(0 < len(part.symbols) <= LONGEST for part in parts)
    assert all(len(part.symbols) == len(part.words) for part in parts)
    spoken = [place for part in parts for place in part.words if place >= 0]
    assert spoken == [index for index, (size, _) in enumerate(sizes) for _ in range(size)]
    assert not any(part.symbols.startswith(" ") for part in parts)
