"""Words of one spelling and several readings: what the roles of <w> choose between.

Source: the roles are those of "Specifying parts of speech" in the developer guide of Amazon Polly; the
phonemes are General American. A role decides nothing about other words.
"""

from __future__ import annotations

ROLES = (
    "amazon:VB", "amazon:VBD", "amazon:DT", "amazon:IN", "amazon:JJ", "amazon:NN", "amazon:DEFAULT",
    "amazon:SENSE_1",
)  # fmt: skip
_ENGLISH = {
    "read": {"VB": "ɹiːd", "VBD": "ɹɛd", "DEFAULT": "ɹiːd"},
    "lead": {"VB": "liːd", "NN": "liːd", "SENSE_1": "lɛd", "DEFAULT": "liːd"},
    "live": {"VB": "lɪv", "JJ": "laɪv", "DEFAULT": "lɪv"},
    "close": {"VB": "kloʊz", "JJ": "kloʊs", "DEFAULT": "kloʊz"},
    "use": {"VB": "juːz", "NN": "juːs", "DEFAULT": "juːz"},
    "wind": {"VB": "waɪnd", "NN": "wɪnd", "DEFAULT": "wɪnd"},
    "tear": {"VB": "tɛɹ", "NN": "tɪɹ", "DEFAULT": "tɪɹ"},
    "bow": {"VB": "baʊ", "NN": "baʊ", "SENSE_1": "boʊ", "DEFAULT": "baʊ"},
    "bass": {"NN": "beɪs", "SENSE_1": "bæs", "DEFAULT": "beɪs"},
    "wound": {"VBD": "waʊnd", "NN": "wuːnd", "DEFAULT": "wuːnd"},
    "minute": {"NN": "ˈmɪnɪt", "JJ": "maɪˈnuːt", "DEFAULT": "ˈmɪnɪt"},
    "desert": {"VB": "dɪˈzɝt", "NN": "ˈdɛzɚt", "DEFAULT": "ˈdɛzɚt"},
    "object": {"VB": "əbˈdʒɛkt", "NN": "ˈɑbdʒɛkt", "DEFAULT": "ˈɑbdʒɛkt"},
    "record": {"VB": "ɹɪˈkɔɹd", "NN": "ˈɹɛkɚd", "DEFAULT": "ˈɹɛkɚd"},
    "present": {"VB": "pɹɪˈzɛnt", "NN": "ˈpɹɛzənt", "JJ": "ˈpɹɛzənt", "DEFAULT": "ˈpɹɛzənt"},
    "produce": {"VB": "pɹəˈduːs", "NN": "ˈpɹoʊduːs", "DEFAULT": "pɹəˈduːs"},
    "content": {"NN": "ˈkɑntɛnt", "JJ": "kənˈtɛnt", "DEFAULT": "ˈkɑntɛnt"},
    "contract": {"VB": "kənˈtɹækt", "NN": "ˈkɑntɹækt", "DEFAULT": "ˈkɑntɹækt"},
    "conduct": {"VB": "kənˈdʌkt", "NN": "ˈkɑndʌkt", "DEFAULT": "ˈkɑndʌkt"},
    "permit": {"VB": "pɚˈmɪt", "NN": "ˈpɝmɪt", "DEFAULT": "pɚˈmɪt"},
    "perfect": {"VB": "pɚˈfɛkt", "JJ": "ˈpɝfɪkt", "DEFAULT": "ˈpɝfɪkt"},
    "project": {"VB": "pɹəˈdʒɛkt", "NN": "ˈpɹɑdʒɛkt", "DEFAULT": "ˈpɹɑdʒɛkt"},
    "refuse": {"VB": "ɹɪˈfjuːz", "NN": "ˈɹɛfjuːs", "DEFAULT": "ɹɪˈfjuːz"},
    "separate": {"VB": "ˈsɛpəɹeɪt", "JJ": "ˈsɛpɹət", "DEFAULT": "ˈsɛpɹət"},
    "estimate": {"VB": "ˈɛstəmeɪt", "NN": "ˈɛstəmət", "DEFAULT": "ˈɛstəmət"},
    "increase": {"VB": "ɪnˈkɹiːs", "NN": "ˈɪnkɹiːs", "DEFAULT": "ɪnˈkɹiːs"},
}


def phonemes(word: str, role: str, language: str) -> str:
    """Return the IPA of a word in a role of <w> ("amazon:VB"), "" where the role does not decide it."""
    if language != "en":
        return ""
    return _ENGLISH.get(word.strip().casefold(), {}).get(role.removeprefix("amazon:"), "")
