"""What the demo's voices say; written for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speech:
    """One recording: sentences with pauses (seconds) between them; `noise` is its level below the voice (dB).

    `voice` is one of espeak-ng's, with its variant; `speed` in words a minute.
    """

    name: str
    language: str
    voice: str
    speed: int
    sentences: tuple[str, ...]
    pause: float = 0.7
    noise: float = 60.0


SPEECHES = (
    Speech(
        "island",
        "en-US",
        "en-us",
        140,
        (
            "Good morning, and welcome to the travel news.",
            "The ferry to the island leaves at nine, and the sea is calm today.",
            "Please keep your ticket until the end of the journey.",
        ),
    ),
    Speech(
        "meeting",
        "en-US",
        "en-us+m3",
        145,
        (
            "The first point is the budget for the new library.",
            "We have three offers, and the second one is the cheapest.",
            "I suggest that we decide next week, when everybody has read them.",
        ),
        pause=1.1,
    ),
    Speech(
        "garden",
        "en-US",
        "en-us+f2",
        135,
        (
            "Water the tomatoes in the evening, because the soil is cooler then.",
            "The roses need less water than you think.",
        ),
        noise=25.0,
    ),
    Speech(
        "puerto",
        "es-US",
        "es-419",
        125,
        (
            "Buenos días y bienvenidos a las noticias del puerto.",
            "El barco sale hoy a las nueve de la mañana.",
        ),
    ),
    Speech(
        "jardin",
        "es-US",
        "es-419+f3",
        120,
        (
            "Mi hermana tiene una casa grande con un jardín.",
            "Por la tarde bebemos café y hablamos de la familia.",
        ),
        pause=1.1,
        noise=30.0,
    ),
)
