"""An extractor behind HTTP: a model of the user's own, such as an InferenceService of KServe.

It takes KServe's V1 request, `{"instances": [{"text": ...}]}`, and answers with one prediction,
`{"predictions": [{"entities": [...]}]}`, that schema.json, beside this module, describes as JSON Schema.
"""

from __future__ import annotations

import functools
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jsonschema

from brume.records.model.entity import Concept, Entity, Trait
from brume.records.model.note import Note


class ServedModelError(RuntimeError):
    """A model that cannot be reached or answers what is no prediction; the message says what was wrong."""


class ServedExtractor:
    """Asks a model for the entities of each note (`brume.records.model.entity.Extractor`)."""

    def __init__(self, url: str, version: str, *, name: str = "served", seconds: float = 60.0) -> None:
        """`url` is that of the prediction, such as http://notes.models/v1/models/notes:predict.

        `version` is the user's word for the model: entities are found again when it changes. `seconds` is
        how long a note may take. Raises `ValueError` for a URL that is not HTTP's.
        """
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url} is no address of a model: it must begin with http:// or https://")
        self.name, self.version = name, version
        self._url, self._seconds = url, seconds

    def extract(self, note: Note) -> tuple[Entity, ...]:
        """Return the entities of a note. Raises `ServedModelError`; its message has nothing of the note."""
        body = json.dumps({"instances": [{"text": note.text}]}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - of HTTP
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as response:  # noqa: S310
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise ServedModelError(
                f"{self._url} answers {error.code} {error.reason}: nlp is the address of a prediction, "
                "such as http://HOST/v1/models/NAME:predict"
            ) from error
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ServedModelError(
                f"{self._url} does not answer ({reason}): start the model there, or give nlp another address"
            ) from error
        except ValueError as error:
            raise ServedModelError(f"{self._url} answers no JSON") from error
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(predictions, list) or len(predictions) != 1:
            raise ServedModelError(f"{self._url} answers without `predictions`, a list of one")
        return read(predictions[0], note.text, self._url)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a prediction."""
    found: dict[str, Any] = json.loads((files(__package__) / "schema.json").read_text(encoding="utf-8"))
    return found


def read(prediction: object, text: str, source: str) -> tuple[Entity, ...]:
    """Return the entities of a prediction, by their place. `source` names it in errors.

    Raises `ServedModelError` for one that the schema does not allow, or whose offsets leave the text.
    """
    fault = next(iter(_validator().iter_errors(prediction)), None)
    if fault is not None:
        where = "/".join(map(str, fault.absolute_path)) or "the prediction"
        raise ServedModelError(
            f"{source}: {where} does not fit schema.json: {fault.validator} {fault.validator_value}"
        )
    assert isinstance(prediction, dict)
    found = [
        _entity(one, text, f"{source}: entities/{number}")
        for number, one in enumerate(prediction["entities"])
    ]
    return tuple(sorted(found, key=lambda entity: (entity.begin, entity.end)))


def _entity(one: Mapping[str, Any], text: str, where: str) -> Entity:
    begin, end = one["begin"], one["end"]
    if not 0 <= begin < end <= len(text):
        raise ServedModelError(f"{where}: {begin} to {end} is no place in a text of {len(text)} characters")
    return Entity(
        begin,
        end,
        text[begin:end],
        one["category"],
        one["type"],
        one["score"],
        tuple((Trait(trait["name"]), trait["score"]) for trait in one.get("traits", ())),
        tuple(
            Concept(concept["system"], concept["code"], concept.get("display", ""), concept["score"])
            for concept in one.get("concepts", ())
        ),
        one.get("section", ""),
        tuple(_entity(each, text, f"{where}/attributes") for each in one.get("attributes", ())),
    )


@functools.cache
def _validator() -> Any:
    return jsonschema.Draft202012Validator(schema())
