"""Makes speech whose text is known: English and Spanish, several voices, with pauses and noise."""

from brume.captions.demo.speech import NoVoiceError, make

__all__ = ["NoVoiceError", "make"]
