"""Abbreviations, units, currencies and symbols as Spanish words."""

from __future__ import annotations

from brume.narration.model.normal.readings import words

MONTHS = words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
LETTERS = dict(
    zip(
        "abcdefghijklmnñopqrstuvwxyz",
        words(
            "a be ce de e efe ge hache i jota ka ele eme ene eñe o pe cu erre ese te u uve uve-doble equis "
            "i-griega zeta"
        ),
        strict=True,
    )
)
PERIODS = {  # read so with a period alone
    "sr": "señor",
    "sra": "señora",
    "sres": "señores",
    "srta": "señorita",
    "dr": "doctor",
    "dra": "doctora",
    "prof": "profesor",
    "profa": "profesora",
    "ing": "ingeniero",
    "lic": "licenciado",
    "gral": "general",
    "ud": "usted",
    "uds": "ustedes",
    "vd": "usted",
    "vds": "ustedes",
    "dña": "doña",
    "sto": "santo",
    "sta": "santa",
    "pág": "página",
    "págs": "páginas",
    "núm": "número",
    "núms": "números",
    "art": "artículo",
    "arts": "artículos",
    "cap": "capítulo",
    "caps": "capítulos",
    "fig": "figura",
    "vol": "volumen",
    "ed": "edición",
    "aprox": "aproximadamente",
    "tel": "teléfono",
    "av": "avenida",
    "avda": "avenida",
    "ej": "ejemplo",
    "etc": "etcétera",
    "cía": "compañía",
    "dpto": "departamento",
    "gob": "gobierno",
    "izq": "izquierda",
    "dcha": "derecha",
    "máx": "máximo",
    "mín": "mínimo",
    "p": "por",
    "ee": "Estados",
    "uu": "Unidos",
}
SENTENCES = frozenset(("etc", "cía", "uu", "izq", "dcha"))
"""Abbreviations that a sentence may end with: a capital after them begins the next."""
WORDS = {
    "ee.uu": "Estados Unidos",
    "p.ej": "por ejemplo",
    "a.m": "de la mañana",
    "p.m": "de la tarde",
    "a.c": "antes de Cristo",
    "d.c": "después de Cristo",
    "c/": "calle",
    "s.a": "sociedad anónima",
    "vs": "contra",
}
ROMAN_CARDINAL = frozenset(
    words("siglo siglos capítulo tomo volumen parte libro acto escena sección artículo fase guerra")
)
ROMAN_ORDINAL = frozenset(
    words(
        "papa rey reina felipe carlos alfonso fernando isabel enrique juan pablo luis pedro pío benedicto "
        "napoleón jorge jaime sancho"
    )
)
CURRENCIES = {  # one, several, hundredths
    "$": ("dólar", "dólares", "centavos"),
    "US$": ("dólar", "dólares", "centavos"),
    "€": ("euro", "euros", "céntimos"),
    "£": ("libra", "libras", "peniques"),
    "¥": ("yen", "yenes", ""),
    "USD": ("dólar", "dólares", "centavos"),
    "EUR": ("euro", "euros", "céntimos"),
    "MXN": ("peso", "pesos", "centavos"),
    "ARS": ("peso", "pesos", "centavos"),
}
LARGE_WORDS = frozenset(("millón", "millones", "billón", "billones"))
UNITS = {  # one, several
    "km": ("kilómetro", "kilómetros"),
    "m": ("metro", "metros"),
    "cm": ("centímetro", "centímetros"),
    "mm": ("milímetro", "milímetros"),
    "kg": ("kilogramo", "kilogramos"),
    "g": ("gramo", "gramos"),
    "mg": ("miligramo", "miligramos"),
    "t": ("tonelada", "toneladas"),
    "l": ("litro", "litros"),
    "L": ("litro", "litros"),
    "ml": ("mililitro", "mililitros"),
    "km/h": ("kilómetro por hora", "kilómetros por hora"),
    "m/s": ("metro por segundo", "metros por segundo"),
    "km²": ("kilómetro cuadrado", "kilómetros cuadrados"),
    "m²": ("metro cuadrado", "metros cuadrados"),
    "m³": ("metro cúbico", "metros cúbicos"),
    "ha": ("hectárea", "hectáreas"),
    "h": ("hora", "horas"),
    "min": ("minuto", "minutos"),
    "s": ("segundo", "segundos"),
    "seg": ("segundo", "segundos"),
    "ms": ("milisegundo", "milisegundos"),
    "Hz": ("hercio", "hercios"),
    "kHz": ("kilohercio", "kilohercios"),
    "MHz": ("megahercio", "megahercios"),
    "GHz": ("gigahercio", "gigahercios"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "W": ("vatio", "vatios"),
    "kW": ("kilovatio", "kilovatios"),
    "MW": ("megavatio", "megavatios"),
    "kWh": ("kilovatio hora", "kilovatios hora"),
    "V": ("voltio", "voltios"),
    "°": ("grado", "grados"),
    "°C": ("grado Celsius", "grados Celsius"),
    "°F": ("grado Fahrenheit", "grados Fahrenheit"),
    "%": ("por ciento", "por ciento"),
}
FEMININE_UNITS = frozenset(("t", "ha", "h"))
MASCULINE = frozenset(
    words(
        "días día programas programa problemas problema sistemas sistema temas tema mapas mapa "
        "idiomas idioma planetas planeta poemas poema gramas"
    )
)
"""Nouns that end with -a and are masculine."""
SYMBOLS = {
    "&": "y",
    "+": "más",
    "=": "igual a",
    "@": "arroba",
    "%": "por ciento",
    "/": "barra",
    ".": "punto",
    ":": "dos puntos",
    "-": "",
    "_": "guion bajo",
    "#": "almohadilla",
    "°": "grados",
    "§": "sección",
    "±": "más menos",
    "×": "por",
    "÷": "entre",
    "→": "a",
    "½": "un medio",
    "¼": "un cuarto",
    "¾": "tres cuartos",
    "²": "al cuadrado",
    "³": "al cubo",
    "~": "unos",
    "<": "menor que",
    ">": "mayor que",
    "≈": "aproximadamente",
    "≤": "menor o igual que",
    "≥": "mayor o igual que",
    "$": "dólares",
    "€": "euros",
    "£": "libras",
}
