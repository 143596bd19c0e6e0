"""The extractor of this project: conditions, drugs and personal data of a note, by rules on this machine."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from brume import weights
from brume.records.model.entity import Concept, Entity, Trait
from brume.records.model.minilm import MiniLM
from brume.records.model.nlp import drugs as drug_names
from brume.records.model.nlp import findings, icd10cm, phi, procedures
from brume.records.model.nlp.context import traits
from brume.records.model.nlp.drugs import DrugMention, Drugs
from brume.records.model.nlp.linking import Linker
from brume.records.model.nlp.mentions import Mention, find
from brume.records.model.nlp.rxnorm import DrugCodes
from brume.records.model.nlp.sections import Sections, sentences
from brume.records.model.nlp.terms import Terms, symptom_codes
from brume.records.model.nlp.words import form, words
from brume.records.model.note import Note

_RULES = "8"  # changes with the rules: entities of another version are found again
_USUAL, _TITLE, _PART = 0.97, 0.92, 0.83  # scores of a usual name, of ICD's own term, of a part of one
_UNNAMED = 0.75  # score of what is denied and is no term


class LocalExtractor:
    """Finds entities (`brume.records.model.entity.Extractor`), for any thread once it is made."""

    name = "local"

    def __init__(
        self,
        terms: Terms,
        drugs: Drugs,
        codes: DrugCodes,
        *,
        network: MiniLM | None = None,
        version: str = _RULES,
    ) -> None:
        """`codes` are those of drugs; with a `network` phrases are also linked by meaning (`linker`)."""
        self._terms, self._drugs, self._codes = terms, drugs, codes
        self._known = drugs.words | frozenset(terms.frequency)
        self.linker = Linker(terms, network)
        self.version = version

    @classmethod
    def load(cls, codes: DrugCodes | None = None, *, embeddings: bool = False) -> LocalExtractor:
        """Return the extractor with the terminologies of the catalog. Raises `weights.WeightsError`."""
        terms, drugs = _dictionaries()
        codes = codes or DrugCodes(())
        network = MiniLM.load() if embeddings else None
        parts = [_RULES, weights.digest(icd10cm.NAME), weights.digest(drug_names.NAME), codes.version]
        return cls(terms, drugs, codes, network=network, version="-".join(part[:12] for part in parts))

    def extract(self, note: Note) -> tuple[Entity, ...]:
        """Return the conditions and drugs of a note, by their place."""
        text, found = note.text, list[Entity]()
        sections = Sections(text)
        headings = set(sections.headings)
        surnames = phi.surnames(text)
        for begin, end in sentences(text, sections):
            if (begin, end) in headings:
                continue
            parts = words(text, begin, end)
            drugs = [
                drug
                for drug in self._drugs.find(parts, text, end)
                if not phi.is_surname(text, drug.begin, drug.end, surnames)
            ]
            others = [*((drug.begin, drug.end) for drug in drugs), *procedures.places(text, begin, end)]
            mentions = [
                mention
                for mention in find(parts, text, self._terms)
                if not any(first < mention.end and mention.begin < last for first, last in others)
                and not phi.is_surname(text, mention.begin, mention.end, surnames)
            ]
            section = sections.at(begin).name
            spans = [(mention.begin, mention.end) for mention in mentions]
            spans += [(drug.begin, drug.end) for drug in drugs]
            unnamed = [
                place
                for place in findings.denied(text, begin, end, parts, [*spans, *others])
                if not phi.is_surname(text, *place, surnames)
            ]
            spans += unnamed
            stated = iter(traits(text, begin, end, spans, section))
            found += [self._condition(text, mention, next(stated), section) for mention in mentions]
            found += [self._medication(text, drug, next(stated), section) for drug in drugs]
            found += [
                _unnamed(text, place, named, section)
                for place, named in zip(unnamed, stated, strict=True)
                if any(trait is Trait.NEGATION for trait, _ in named)
            ]
        return tuple(sorted(found, key=lambda entity: (entity.begin, entity.end)))

    def codes(self, entity: Entity, most: int) -> tuple[Concept, ...]:
        """Return up to `most` codes of a condition, best first: that of its term, then those like it.

        There are none for what is no term: a code with a word of it would name something else.
        """
        first = entity.concepts[:1]
        if not first:
            return ()
        known = {concept.code for concept in first}
        others = [one for one in self.linker.link(entity.text) if one.code not in known]
        least = first[0].score
        below = [
            Concept(one.system, one.code, one.display, round(min(one.score, least), 4)) for one in others
        ]
        return (*first, *below)[:most]

    def find_personal(self, text: str, names: Iterable[str] = ()) -> list[phi.Personal]:
        """Return the personal data of a text, without overlaps (`phi.find`)."""
        return phi.find(text, names, self._known)

    def personal(self, text: str, names: Iterable[str] = ()) -> tuple[Entity, ...]:
        """Return the personal data of a text, by its place; `names` are known ones, such as the patient's."""
        return tuple(
            Entity(
                one.begin,
                one.end,
                text[one.begin : one.end],
                "PROTECTED_HEALTH_INFORMATION",
                one.type,
                one.score,
            )
            for one in self.find_personal(text, names)
        )

    def _condition(
        self, text: str, mention: Mention, stated: tuple[tuple[Trait, float], ...], section: str
    ) -> Entity:
        term = mention.term
        score = _USUAL if term.rank < 0 else _TITLE if term.rank < 100 else _PART
        symptom = term.code[0] == "R" or term.code in symptom_codes()
        return Entity(
            mention.begin,
            mention.end,
            text[mention.begin : mention.end],
            "MEDICAL_CONDITION",
            "DX_NAME",
            score,
            (*stated, (Trait.SYMPTOM if symptom else Trait.DIAGNOSIS, score)),
            (self.linker.concept(term, score),),
            section,
        )

    def _medication(
        self, text: str, drug: DrugMention, stated: tuple[tuple[Trait, float], ...], section: str
    ) -> Entity:
        attributes = tuple(
            Entity(one.begin, one.end, text[one.begin : one.end], "MEDICATION", one.type, 0.9)
            for one in drug.attributes
        )
        end = max((one.end for one in drug.attributes), default=drug.end)
        concepts: tuple[Concept, ...] = self._codes.link(drug.name, text[drug.begin : max(end, drug.end)])
        return Entity(
            drug.begin,
            drug.end,
            text[drug.begin : drug.end],
            "MEDICATION",
            "BRAND_NAME" if drug.brand else "GENERIC_NAME",
            drug.score,
            stated,
            concepts,
            section,
            attributes,
        )


def _unnamed(
    text: str, place: tuple[int, int], stated: tuple[tuple[Trait, float], ...], section: str
) -> Entity:
    """Return a finding that is no term: Comprehend Medical's entities need no code either."""
    begin, end = place
    return Entity(begin, end, text[begin:end], "MEDICAL_CONDITION", "DX_NAME", _UNNAMED, stated, (), section)


@functools.cache
def _dictionaries() -> tuple[Terms, Drugs]:
    terms = Terms.of(icd10cm.table())
    # Words of conditions are not misspelt drugs.
    known = frozenset(terms.frequency) | {form(word) for word in _FREQUENT}
    return terms, Drugs.of(drug_names.table(), known)


# Words that differ from a drug's name by a letter or two.
_FREQUENT = [
    "patient",
    "history",
    "medical",
    "medication",
    "physical",
    "morning",
    "evening",
    "surgery",
    "discharge",
    "hospital",
    "clinical",
    "prescription",
    "previous",
    "procedure",
    "continue",
    "positive",
    "negative",
    "following",
    "treatment",
    "therapy",
    "laboratory",
    "tolerated",
    "function",
]
