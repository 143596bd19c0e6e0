"""Notes with personal data planted at known places, made by chance from a seed.

The values come from lists of this file, which the extractor's lists of names have only in part.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

GIVEN = [
    "Harriet",
    "Imani",
    "Bjorn",
    "Katarzyna",
    "Devon",
    "Yusuf",
    "Marisol",
    "Thaddeus",
    "Oluwaseun",
    "Priyanka",
    "Robert",
    "Linda",
    "Maria",
    "James",
]
FAMILY = [
    "Vandermeer",
    "Okonkwo",
    "Fitzgerald",
    "Lindqvist",
    "Castellanos",
    "Brzezinski",
    "Nakamura",
    "Smith",
    "Johnson",
    "Whitfield",
    "Abernathy",
]
STREETS = ["Maple", "Chestnut", "Old", "Mill", "Riverside", "Lincoln", "Harbor", "View"]
ROADS = ["Street", "Ave", "Road", "Lane", "Blvd"]
CITIES = ["Springfield", "Fairhaven", "Port", "Elgin", "Millbrook", "Cedar", "Falls"]
MONTHS = ["January", "March", "April", "July", "September", "November", "Dec", "Feb", "Aug"]
JOBS = [
    "carpenter",
    "school teacher",
    "truck driver",
    "nurse",
    "accountant",
    "machinist",
    "bus driver",
    "farmer",
]
TUNED = (
    "Patient: {NAME}\nDOB: {DATE}\nMRN: {ID}\n\nMr. {NAME} is a {AGE}-year-old man seen for hypertension.",
    "She was last seen on {DATE} by Dr. {NAME}. Her SSN is {SSN} and her email is {EMAIL}.",
    "Seen by Dr. {NAME} at age {AGE} for pneumonia. Follow up on {DATE}. Fax: {PHONE}.",
    "Ms. {NAME} lives at {ADDRESS}. Account number: {ID}. She is a {AGE} y/o female with gout.",
    "Electronically signed by {NAME2} on {DATE}. Member ID: {ID}. Policy number: {ID}.",
    "{NAME}, M.D.\nThe patient, Mrs. {NAME}, called from {PHONE} on {DATE} about her asthma.",
    "Address: {ADDRESS}\nPhone: {PHONE}\nHe works as a {JOB} and has low back pain.",
    "Emergency contact: {NAME}, {PHONE}. Results at {URL} since {DATE}.",
    "Dictated by: {NAME}\nDate: {DATE}\nThe {AGE} year old patient has diabetes. Case number {ID2}.",
    "Discharged on {DATE}. Her daughter {NAME3} may be reached at {PHONE}. Past history of stroke in {YEAR}.",
)
"""Notes that the rules were written with."""
HELD = (
    "RE: {NAME}\nDOB {DATE}\nChart # {ID}\nThis {AGE}-year-old gentleman was referred by Dr. {NAME}.",
    "Pt {NAME} (MRN {ID}) is a {AGE} yo woman with COPD. Cell {PHONE}.",
    "Date of admission: {DATE}. Date of discharge: {DATE}. Attending: {NAME}, MD.",
    "I spoke with {NAME}, his wife, at {PHONE} on {DATE}.",
    "Please send records to {ADDRESS} or {EMAIL}. Insurance ID: {ID}.",
    "The patient resides at {ADDRESS}. Contact: {NAME}. SSN: {SSN}.",
    "{DATE} - {NAME} seen in clinic. Age: {AGE}. Occupation: {JOB}.",
    "Thank you for referring {NAME}, a {AGE}-year-old retired {JOB}, seen {DATE}.",
    "CC: Dr. {NAME}; fax {PHONE}. See {URL}.",
)
"""Notes that no rule was changed for."""


def planted_notes(
    templates: Sequence[str], count: int, seed: int
) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """Yield notes, each with begin, end and kind of what was planted."""
    chance = random.Random(seed)
    for number in range(count):
        template = templates[number % len(templates)]
        text, planted = "", list[tuple[int, int, str]]()
        for part in template.replace("{", "\0{").replace("}", "}\0").split("\0"):
            if not part.startswith("{"):
                text += part
                continue
            before, value, kind = _value(part[1:-1], chance)
            text += before
            planted.append((len(text), len(text) + len(value), kind))
            text += value
        yield text, planted


def _value(name: str, chance: random.Random) -> tuple[str, str, str]:
    """Return what goes before a value, the value, and its kind."""
    pick, number = chance.choice, chance.randint
    day, month, year = number(1, 28), number(1, 12), number(1950, 2025)
    person = f"{pick(GIVEN)} {pick(['', 'J. ', 'M. '])}{pick(FAMILY)}"
    phone = f"{number(201, 989)}{pick(['-', '.'])}{number(200, 999)}{pick(['-', '.'])}{number(1000, 9999)}"
    values = {
        "NAME": person,
        "NAME3": pick(GIVEN) + " " + pick(FAMILY),
        "DATE": pick(
            [
                f"{month:02}/{day:02}/{year}",
                f"{pick(MONTHS)} {day}, {year}",
                f"{year}-{month:02}-{day:02}",
                f"{day} {pick(MONTHS)} {year}",
                f"{month}/{day}/{year % 100:02}",
            ]
        ),
        "YEAR": str(year),
        "ID": pick(
            [
                str(number(100000, 9999999)),
                f"{pick('ABC')}{number(10000, 99999)}",
                f"{number(100, 999)}-{number(10000, 99999)}",
            ]
        ),
        "SSN": f"{number(100, 899)}-{number(10, 99)}-{number(1000, 9999)}",
        "PHONE": pick([phone, f"({number(201, 989)}) {number(200, 999)}-{number(1000, 9999)}"]),
        "EMAIL": f"{pick(GIVEN).lower()}.{pick(FAMILY).lower()}@mail{number(1, 9)}.example.org",
        "URL": f"https://portal{number(1, 99)}.example.org/results/{number(1000, 9999)}",
        "ADDRESS": f"{number(1, 9999)} {pick(STREETS)} {pick(ROADS)}, {pick(CITIES)}, "
        f"{pick(['OR', 'TX', 'MA'])} {number(10000, 99999)}",
        "AGE": str(number(18, 97)),
        "JOB": pick(JOBS),
    }
    if name == "ID2":
        return "", values["ID"], "ID"
    if name == "NAME2":
        return "", person, "NAME"
    return "", values[name], name.rstrip("3")
