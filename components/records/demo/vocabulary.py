"""What the generated notes speak of: conditions, symptoms and drugs with their codes, and invented people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """A condition with its code of ICD-10-CM, the words for it, and abbreviations."""

    code: str
    name: str
    words: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drug:
    """A drug with its code of RxNorm (the ingredient), misspellings, doses, and the condition it is for."""

    code: str
    name: str
    misspelt: tuple[str, ...]
    doses: tuple[str, ...]
    treats: str  # code of a condition


CONDITIONS = (
    Condition("I10", "hypertension", ("high blood pressure", "essential hypertension"), ("HTN",)),
    Condition("E11.9", "type 2 diabetes mellitus", ("type 2 diabetes",), ("T2DM", "DM2")),
    Condition("E78.5", "hyperlipidemia", (), ("HLD",)),
    Condition("J45.909", "asthma", ()),
    Condition("J44.9", "chronic obstructive pulmonary disease", (), ("COPD",)),
    Condition("I50.9", "heart failure", ("congestive heart failure",), ("CHF",)),
    Condition("I48.91", "atrial fibrillation", (), ("afib", "AF")),
    Condition("J18.9", "pneumonia", (), ("PNA",)),
    Condition("K21.9", "gastroesophageal reflux disease", ("acid reflux",), ("GERD",)),
    Condition("G43.909", "migraine"),
    Condition("F32.A", "depression"),
    Condition("F41.9", "anxiety"),
    Condition("E03.9", "hypothyroidism", ("underactive thyroid",)),
    Condition("M19.90", "osteoarthritis", (), ("OA",)),
    Condition("M81.0", "osteoporosis"),
    Condition("N18.9", "chronic kidney disease", (), ("CKD",)),
    Condition("N39.0", "urinary tract infection", (), ("UTI",)),
    Condition("D64.9", "anemia"),
    Condition("I63.9", "stroke", ("cerebral infarction",), ("CVA",)),
    Condition("C50.919", "breast cancer"),
    Condition("C18.9", "colon cancer"),
    Condition("I26.99", "pulmonary embolism", (), ("PE",)),
    Condition("I21.9", "myocardial infarction", ("heart attack",), ("MI",)),
    Condition("G40.909", "epilepsy"),
    Condition("M10.9", "gout"),
    Condition("L40.9", "psoriasis"),
    Condition("N20.0", "kidney stone", ("calculus of kidney",)),
)
SYMPTOMS = (
    Condition("R07.9", "chest pain"),
    Condition("R06.02", "shortness of breath", (), ("SOB",)),
    Condition("R50.9", "fever"),
    Condition("R05.9", "cough"),
    Condition("R51.9", "headache"),
    Condition("R42", "dizziness"),
    Condition("R11.0", "nausea"),
    Condition("R53.83", "fatigue"),
    Condition("R10.9", "abdominal pain", ("belly pain",)),
)
DRUGS = (
    Drug("6809", "metformin", ("metfromin", "metformine"), ("500 mg", "850 mg"), "E11.9"),
    Drug("29046", "lisinopril", ("lisinipril", "lysinopril"), ("10 mg", "20 mg"), "I10"),
    Drug("17767", "amlodipine", ("amlodapine",), ("5 mg", "10 mg"), "I10"),
    Drug("83367", "atorvastatin", ("atorvastatine", "atorvastin"), ("20 mg", "40 mg"), "E78.5"),
    Drug("435", "albuterol", ("albuterall",), ("90 mcg",), "J45.909"),
    Drug("7646", "omeprazole", ("omeprazol", "omeprozole"), ("20 mg",), "K21.9"),
    Drug("10582", "levothyroxine", ("levothyroxin", "levothiroxine"), ("50 mcg", "75 mcg"), "E03.9"),
    Drug("11289", "warfarin", ("warfarine",), ("5 mg",), "I48.91"),
    Drug("1364430", "apixaban", ("apixiban",), ("5 mg",), "I26.99"),
    Drug("4603", "furosemide", ("furosamide",), ("40 mg",), "I50.9"),
    Drug("6918", "metoprolol", ("metroprolol",), ("25 mg", "50 mg"), "I21.9"),
    Drug("36437", "sertraline", ("sertralin",), ("50 mg",), "F32.A"),
    Drug("723", "amoxicillin", ("amoxicilin", "amoxycilin"), ("500 mg",), "J18.9"),
    Drug("519", "allopurinol", ("alopurinol",), ("100 mg",), "M10.9"),
    Drug("37418", "sumatriptan", ("sumatripton",), ("50 mg",), "G43.909"),
    Drug("114477", "levetiracetam", ("levetiracetem",), ("500 mg",), "G40.909"),
    Drug("5640", "ibuprofen", ("ibuprofin",), ("400 mg",), "M19.90"),
)
GIVEN = {
    "female": ("Alma", "Beatriz", "Chloé", "Dorthe", "Edith", "Fiona", "Greta", "Hanna", "Inés", "Judith"),
    "male": ("Amos", "Bruno", "Cyril", "Dario", "Emil", "Felix", "Gustav", "Hugo", "Ivo", "José"),
}
FAMILY = (
    *("Abendroth", "Brandvold", "Castellanos", "Duquesne", "Eriksdotter", "Fairweather", "Grünwald"),
    *("Hollingsworth", "Iglesias", "Jankowski", "Kirkegaard", "Lindqvist", "Marchetti", "Núñez"),
    *("Oyelaran", "Pemberton", "Quintero", "Rasmussen", "Szymanski", "Thistlewood", "Underhill"),
)
TOWNS = ("Ashgrove", "Birch Hollow", "Cedar Falls", "Dunmore", "Eastwick", "Fernley")
STREETS = ("Alder Lane", "Beacon Street", "Chestnut Avenue", "Dover Road", "Elm Court")
