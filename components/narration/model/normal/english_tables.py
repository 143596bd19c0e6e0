"""Abbreviations, units, currencies and symbols as English words."""

from __future__ import annotations

from brume.narration.model.normal.readings import words

MONTHS = words("January February March April May June July August September October November December")
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)} | {
    name[:3].lower(): number for number, name in enumerate(MONTHS, 1)
}
MONTH_NUMBERS["sept"] = 9
TITLES = {  # before a name
    "Mr": "mister",
    "Mrs": "missus",
    "Ms": "miz",
    "Dr": "doctor",
    "Prof": "professor",
    "St": "saint",
    "Mt": "mount",
    "Ft": "fort",
    "Gen": "general",
    "Gov": "governor",
    "Sen": "senator",
    "Rep": "representative",
    "Capt": "captain",
    "Lt": "lieutenant",
    "Col": "colonel",
    "Sgt": "sergeant",
    "Cmdr": "commander",
    "Rev": "reverend",
    "Hon": "honorable",
    "Pres": "president",
    "Fr": "father",
}
STREETS = {"St": "street", "Dr": "drive"}  # after a name
PERIODS = {  # read so with a period alone
    "jr": "junior",
    "sr": "senior",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "hwy": "highway",
    "apt": "apartment",
    "bldg": "building",
    "ltd": "limited",
    "inc": "incorporated",
    "corp": "corporation",
    "co": "company",
    "bros": "brothers",
    "dept": "department",
    "univ": "university",
    "assn": "association",
    "govt": "government",
    "approx": "approximately",
    "est": "established",
    "vol": "volume",
    "fig": "figure",
    "figs": "figures",
    "ch": "chapter",
    "sec": "section",
    "eq": "equation",
    "pp": "pages",
    "p": "page",
    "ed": "edition",
    "eds": "editors",
    "atty": "attorney",
    "supt": "superintendent",
    "cf": "compare",
    "ext": "extension",
    "al": "al",
    "ca": "circa",
    "min": "minutes",
    "hr": "hour",
    "hrs": "hours",
}
DAYS = {  # with a capital and a period
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Tues": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Thur": "Thursday",
    "Thurs": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
SENTENCES = frozenset(
    ("jr", "sr", "inc", "ltd", "corp", "co", "bros", "al", "etc", "ave", "blvd", "rd", "st")
)
"""Abbreviations that a sentence may end with: a capital after them begins the next."""
WORDS = {
    "vs": "versus",
    "etc": "et cetera",
    "e.g": "for example",
    "i.e": "that is",
    "a.k.a": "also known as",
    "aka": "also known as",
    "w/": "with",
    "w/o": "without",
    "24/7": "twenty four seven",
    "9/11": "nine eleven",
    "c#": "C sharp",
    "f#": "F sharp",
    "n/a": "not applicable",
    "ph.d": "P H D",
    "phd": "P H D",
    "a.m": "A M",
    "p.m": "P M",
    "am/pm": "A M P M",
    "id": "I D",
    "ids": "I Ds",
}
ROMAN_CARDINAL = frozenset(
    words(
        "chapter part act scene section volume book phase article war mark type level stage class grade "
        "bowl apollo episode round appendix figure table"
    )
)
ROMAN_ORDINAL = frozenset(
    words(
        "pope king queen henry louis edward george william charles james richard elizabeth napoleon pius "
        "benedict leo paul john frederick philip felipe carlos alexander nicholas catherine ivan"
    )
)
CURRENCIES = {  # one, several, hundredth, hundredths
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
    "¢": ("cent", "cents", "", ""),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "S$": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "R$": ("real", "reais", "centavo", "centavos"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "JPY": ("yen", "yen", "sen", "sen"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
}
CODES = frozenset(code for code in CURRENCIES if code.isalpha())
"""Currencies that may stand before their number as a word: CHF 100."""
COUNTED = frozenset(words("people users dollars euros pounds views times years downloads followers copies"))
"""What millions are of: 1M users, but 3M."""
DIALLED = frozenset(words("call calls called calling dial dials dialed dialled dialing dialling"))
"""Words before a telephone number of three digits."""
LARGE = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "bn": "billion",
    "b": "billion",
    "tn": "trillion",
}
LARGE_WORDS = frozenset(("hundred", "thousand", "million", "billion", "trillion"))
UNITS = {  # one, several
    "km": ("kilometer", "kilometers"),
    "m": ("meter", "meters"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "µm": ("micrometer", "micrometers"),
    "nm": ("nanometer", "nanometers"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "µg": ("microgram", "micrograms"),
    "t": ("ton", "tons"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "in": ("inch", "inches"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "km²": ("square kilometer", "square kilometers"),
    "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "ha": ("hectare", "hectares"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "GW": ("gigawatt", "gigawatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "V": ("volt", "volts"),
    "fps": ("frame per second", "frames per second"),
    "°": ("degree", "degrees"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "%": ("percent", "percent"),
    "‰": ("per thousand", "per thousand"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "hPa": ("hectopascal", "hectopascals"),
    "kcal": ("kilocalorie", "kilocalories"),
    "x": ("times", "times"),
}
DEGREES = {"C": "Celsius", "F": "Fahrenheit"}
AMBIGUOUS_UNITS = frozenset(("in", "t", "x"))
"""Units that are read as such only when they stick to a number ("5in"), or words or letters otherwise."""
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        words(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
            "tau upsilon phi chi psi omega"
        ),
        strict=True,
    )
)
SYMBOLS = {
    "&": "and",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "%": "percent",
    "/": "slash",
    ".": "dot",
    ":": "colon",
    "-": "",
    "_": "",
    "#": "hashtag",
    "°": "degrees",
    "§": "section",
    "±": "plus or minus",
    "×": "times",
    "÷": "divided by",
    "©": "copyright",
    "→": "to",
    "½": "one half",
    "⅓": "one third",
    "⅔": "two thirds",
    "¼": "one quarter",
    "¾": "three quarters",
    "⅕": "one fifth",
    "⅖": "two fifths",
    "⅗": "three fifths",
    "⅘": "four fifths",
    "⅙": "one sixth",
    "⅚": "five sixths",
    "⅐": "one seventh",
    "⅛": "one eighth",
    "⅜": "three eighths",
    "⅝": "five eighths",
    "⅞": "seven eighths",
    "№": "number",
    "√": "square root of",
    "∞": "infinity",
    "≠": "is not equal to",
    "²": "squared",
    "³": "cubed",
    "µ": "micro",
    "~": "about",
    "<": "less than",
    ">": "greater than",
    "≈": "about",
    "≤": "at most",
    "≥": "at least",
    "$": "dollars",
    "£": "pounds",
    "€": "euros",
}
