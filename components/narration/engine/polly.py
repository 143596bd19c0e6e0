"""What Amazon Polly calls its voices and languages.

Sources: "Available voices" and "Languages in Amazon Polly" in its developer guide, botocore's list of ids. Of
the newest ids (Ambre to Tina), which the guide does not list yet, languages are those of the voices of the
same names in Amazon Nova Sonic, or else en-US.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PollyVoice:
    """A voice of Amazon Polly: Female or Male, and its language as Polly writes it."""

    id: str
    gender: str
    language: str


# Language: female voices, male voices.
_VOICES = {
    "ar-AE": ("Hala", "Zayd"),
    "arb": ("Zeina", ""),
    "ca-ES": ("Arlet", ""),
    "cmn-CN": ("Zhiyu", ""),
    "cs-CZ": ("Jitka", ""),
    "cy-GB": ("Gwyneth", ""),
    "da-DK": ("Naja Sofie", "Mads"),
    "de-AT": ("Hannah", ""),
    "de-CH": ("Sabrina", ""),
    "de-DE": ("Marlene Tina Vicki", "Daniel Hans Lennart"),
    "en-AU": ("Nicole Olivia", "Russell"),
    "en-GB": ("Amy Emma", "Arthur Brian"),
    "en-GB-WLS": ("", "Geraint"),
    "en-IE": ("Niamh", ""),
    "en-IN": ("Aditi Kajal Kiara Raveena", "Arjun"),
    "en-NZ": ("Aria", ""),
    "en-SG": ("Jasmine", ""),
    "en-US": (
        "Danielle Ivy Joanna Kendra Kimberly Ruth Salli Tiffany",
        "Curtis Gregory Joey Justin Kenneth Kevin Matthew Nate Stephen",
    ),
    "en-ZA": ("Ayanda", ""),
    "es-ES": ("Conchita Lucia", "Enrique Sergio"),
    "es-MX": ("Mia", "Andres"),
    "es-US": ("Lupe Penelope", "Carlos Miguel Pedro"),
    "fi-FI": ("Suvi", ""),
    "fr-BE": ("Isabelle", ""),
    "fr-CA": ("Chantal Gabrielle", "Liam"),
    "fr-FR": ("Ambre Celine Lea", "Florian Mathieu Remi"),
    "is-IS": ("Dora", "Karl"),
    "it-IT": ("Beatrice Bianca Carla", "Adriano Giorgio Lorenzo"),
    "ja-JP": ("Kazuha Mizuki Tomoko", "Takumi"),
    "ko-KR": ("Jihye Seoyeon", "Hyunduk"),
    "nb-NO": ("Ida Liv", ""),
    "nl-BE": ("Lisa", ""),
    "nl-NL": ("Laura Lotte", "Ruben"),
    "pl-PL": ("Ewa Maja Ola", "Jacek Jan"),
    "pt-BR": ("Camila Carolina Vitoria", "Leo Ricardo Thiago"),
    "pt-PT": ("Ines", "Cristiano"),
    "ro-RO": ("Carmen", ""),
    "ru-RU": ("Tatyana", "Maxim"),
    "sv-SE": ("Astrid Elin", ""),
    "tr-TR": ("Burcu Filiz", ""),
    "yue-CN": ("Hiujin", ""),
}
VOICES = {
    name: PollyVoice(name, gender, language)
    for language, names in _VOICES.items()
    for gender, some in zip(("Female", "Male"), names, strict=True)
    for name in some.split()
}
"""All voices of Amazon Polly, by id."""

LANGUAGES = {
    "ar-AE": "Gulf Arabic",
    "arb": "Modern Standard Arabic",
    "ca-ES": "Catalan",
    "cmn-CN": "Chinese Mandarin",
    "cs-CZ": "Czech",
    "cy-GB": "Welsh",
    "da-DK": "Danish",
    "de-AT": "Austrian German",
    "de-CH": "Swiss Standard German",
    "de-DE": "German",
    "en-AU": "Australian English",
    "en-GB": "British English",
    "en-GB-WLS": "Welsh English",
    "en-IE": "Irish English",
    "en-IN": "Indian English",
    "en-NZ": "New Zealand English",
    "en-SG": "Singaporean English",
    "en-US": "US English",
    "en-ZA": "South African English",
    "es-ES": "Castilian Spanish",
    "es-MX": "Mexican Spanish",
    "es-US": "US Spanish",
    "fi-FI": "Finnish",
    "fr-BE": "Belgian French",
    "fr-CA": "Canadian French",
    "fr-FR": "French",
    "hi-IN": "Hindi",
    "is-IS": "Icelandic",
    "it-IT": "Italian",
    "ja-JP": "Japanese",
    "ko-KR": "Korean",
    "nb-NO": "Norwegian",
    "nl-BE": "Belgian Dutch",
    "nl-NL": "Dutch",
    "pl-PL": "Polish",
    "pt-BR": "Brazilian Portuguese",
    "pt-PT": "Portuguese",
    "ro-RO": "Romanian",
    "ru-RU": "Russian",
    "sv-SE": "Swedish",
    "tr-TR": "Turkish",
    "yue-CN": "Cantonese",
}
"""English names of languages, by code."""
