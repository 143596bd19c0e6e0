"""The errors of Amazon Polly, and how faults of texts and lexicons become them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from brume.aws.engine.errors import Errors
from brume.aws.engine.service import ServiceError
from brume.narration.model.lexicon import LexiconError
from brume.narration.model.ssml import SsmlError
from brume.narration.model.voice import PhonemeError, VoiceError

POLLY = Errors("polly")
_LEXICON = {
    "lexicon": "InvalidLexiconException",
    "alphabet": "UnsupportedPlsAlphabetException",
    "language": "UnsupportedPlsLanguageException",
    "size": "LexiconSizeExceededException",
    "lexeme": "MaxLexemeLengthExceededException",
}


def invalid(message: str) -> ServiceError:
    """Return the error of a request that cannot be used, where Polly has none of its own for it."""
    return POLLY("ValidationException", message, reason="fieldValidationFailed")


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn what texts, lexicons and voices raise within the block into the service's errors."""
    try:
        yield
    except SsmlError as error:
        raise POLLY("InvalidSsmlException", f"Invalid SSML request: {error}") from error
    except LexiconError as error:
        raise POLLY(_LEXICON[error.kind], f"The lexicon cannot be used: {error}") from error
    except PhonemeError as error:
        raise POLLY("InvalidSsmlException", f"Invalid SSML request or lexicon: {error}") from error
    except VoiceError as error:
        raise POLLY("LanguageNotSupportedException", str(error)) from error
