"""Abbreviations, units, currencies and symbols as Spanish words."""

from __future__ import annotations

from brume.narration.model.normal.readings import words

MONTHS = words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre")
MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}
SHORT_MONTHS = {name[:3]: name for name in MONTHS} | {"sept": "septiembre", "set": "septiembre"}
"""With a period, beside a number: 5 feb. 2024."""
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
    "pp": "páginas",
    "pza": "plaza",
    "pl": "plaza",
    "ctra": "carretera",
    "apdo": "apartado",
    "prov": "provincia",
    "urb": "urbanización",
    "edif": "edificio",
    "hnos": "hermanos",
    "fdo": "firmado",
    "mons": "monseñor",
    "fco": "Francisco",
    "excmo": "excelentísimo",
    "excma": "excelentísima",
    "ilmo": "ilustrísimo",
    "ilma": "ilustrísima",
    "rvdo": "reverendo",
    "bco": "banco",
    "admón": "administración",
    "depto": "departamento",
    "tfno": "teléfono",
    "teléf": "teléfono",
    "mr": "míster",
    "mrs": "mísis",
    "lun": "lunes",
    "mié": "miércoles",
    "jue": "jueves",
    "vie": "viernes",
    "sáb": "sábado",
}
PAIRS = {  # two letters or pairs of letters, each with a period
    "a m": "",
    "p m": "",
    "a c": "antes de Cristo",
    "d c": "después de Cristo",
    "ee uu": "Estados Unidos",
    "jj oo": "Juegos Olímpicos",
    "rr hh": "recursos humanos",
    "dd hh": "derechos humanos",
    "ff aa": "Fuerzas Armadas",
    "cc oo": "Comisiones Obreras",
    "cc aa": "comunidades autónomas",
    "s a": "sociedad anónima",
    "s l": "sociedad limitada",
    "p d": "posdata",
}
SENTENCES = frozenset(("etc", "cía", "izq", "dcha"))
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
    "s.l": "sociedad limitada",
    "eeuu": "Estados Unidos",
    "jjoo": "Juegos Olímpicos",
    "rrhh": "recursos humanos",
    "ffaa": "Fuerzas Armadas",
    "ccoo": "Comisiones Obreras",
    "psoe": "pesoe",
    "n.º": "número",
    "nº": "número",
    "n°": "número",
    "n.os": "números",
    "m.ª": "María",
    "mª": "María",
    "d.ª": "doña",
    "dª": "doña",
    "y/o": "y o",
    "s/n": "sin número",
    "24/7": "veinticuatro siete",
    "km/h": "kilómetros por hora",
    "i+d": "i más de",
    "i+d+i": "i más de más i",
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
    "CHF": ("franco", "francos", "céntimos"),
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
LARGE_CURRENCIES = {"M€": "millones de euros", "k€": "mil euros", "M$": "millones de dólares"}
PHONES = frozenset(words("tel teléfono tfno teléf móvil fijo fax whatsapp al llama llame llamar número"))
"""Words before a telephone number."""
NO_NOUNS = frozenset(words("de y o u a e en por para con que del al menos más ni se es son como desde hasta"))
FEMININE_ENDINGS = (
    "a", "as", "ción", "ciones", "sión", "siones", "gión", "giones", "dad", "dades", "tad", "tades", "tud",
    "tudes", "umbre", "umbres", "triz", "trices",
)  # fmt: skip
FEMININE = frozenset(
    words(
        "mujer mujeres vez veces noche noches tarde tardes calle calles clase clases parte partes ley leyes "
        "flor flores mano manos llave llaves nube nubes muerte muertes frase frases fuente fuentes red redes "
        "pared paredes luz luces cruz cruces voz voces cárcel cárceles piel pieles señal señales imagen "
        "imágenes razón razones opinión opiniones base bases serie series sede sedes torre torres nave naves "
        "fase fases madre madres unión uniones reunión reuniones canción canciones habitación foto fotos "
        "moto motos radio radios orden órdenes carne carnes leche gente gentes actriz actrices raíz raíces"
    )
)
"""Nouns that are feminine although their ending does not say so."""
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
    "hPa": ("hectopascal", "hectopascales"),
    "kcal": ("kilocaloría", "kilocalorías"),
    "Mbps": ("megabit por segundo", "megabits por segundo"),
    "Gbps": ("gigabit por segundo", "gigabits por segundo"),
    "V": ("voltio", "voltios"),
    "°": ("grado", "grados"),
    "°C": ("grado Celsius", "grados Celsius"),
    "°F": ("grado Fahrenheit", "grados Fahrenheit"),
    "%": ("por ciento", "por ciento"),
    "‰": ("por mil", "por mil"),
}
DEGREES = {"C": "Celsius", "F": "Fahrenheit"}
FEMININE_UNITS = frozenset(("t", "ha", "h"))
MASCULINE = frozenset(
    words(
        "días día programas programa problemas problema sistemas sistema temas tema mapas mapa "
        "idiomas idioma planetas planeta poemas poema gramas kilogramas clima climas drama dramas mañana "
        "gorila cura curas guardia poeta poetas atleta atletas artista artistas periodista periodistas "
        "turista turistas policías futbolista futbolistas dálmatas para contra hasta era fuera la las una "
        "nada cada ya ahora"
    )
)
"""Nouns that end with -a and are masculine."""
GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        words(
            "alfa beta gamma delta épsilon zeta eta zeta iota kappa lambda mi ni xi ómicron pi ro sigma tau "
            "ípsilon fi ji psi omega"
        ),
        strict=True,
    )
)
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
    "½": "medio",
    "⅓": "un tercio",
    "⅔": "dos tercios",
    "¼": "un cuarto",
    "¾": "tres cuartos",
    "⅕": "un quinto",
    "⅖": "dos quintos",
    "⅗": "tres quintos",
    "⅘": "cuatro quintos",
    "⅙": "un sexto",
    "⅚": "cinco sextos",
    "⅐": "un séptimo",
    "⅛": "un octavo",
    "⅜": "tres octavos",
    "⅝": "cinco octavos",
    "⅞": "siete octavos",
    "№": "número",
    "√": "raíz cuadrada de",
    "∞": "infinito",
    "≠": "distinto de",
    "©": "copyright",
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
