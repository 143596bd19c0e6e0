"""How each kind of number, abbreviation and sign is read, in English and in Spanish."""

from __future__ import annotations

import pytest

from tests.components.narration.test_normal import read

ENGLISH = (
    ("the 1,000th visitor", "the one thousandth visitor"),
    ("the XX century", "the twentieth century"),
    ("Richard III's bones", "Richard the third's bones"),
    (
        "2 1/2 cups, 3½ hours, ¾ of them",
        "two and one half cups, three and one half hours, three quarters of them",
    ),
    ("7/8 inch, 1/100th, 120/80", "seven eighths inch, one hundredth, one hundred twenty over eighty"),
    ("$5–10 million", "five to ten million dollars"),
    ("$10-$20", "ten to twenty dollars"),
    ("10–12 km", "ten to twelve kilometers"),
    ("from 9 a.m.–5 p.m.", "from nine A M, five P M."),
    ("9am-5pm", "nine A M to five P M"),
    ("10-15km, 20–30°C", "ten to fifteen kilometers, twenty to thirty degrees Celsius"),
    ("9:00–17:00", "nine o'clock to seventeen hundred hours"),
    ("(555) 123-4567", "five five five, one two three four five six seven"),
    (
        "+44 20 7946 0958, ext. 42",
        "plus four four two zero seven nine four six zero nine five eight, extension forty two",
    ),
    ("+1-202-555-0143", "plus one two zero two five five five zero one four three"),
    ("call 911 on 9/11", "call nine one one on nine eleven"),
    ("ISBN 978-3-16-148410-0", "ISBN nine seven eight three one six one four eight four one zero zero"),
    (
        "100 km/h, 9.8 m/s², 8 GB",
        "one hundred kilometers per hour, nine point eight meters per second squared, eight gigabytes",
    ),
    ("5 m in 10 s", "five meters in ten seconds"),
    ("6'2\" and 5'10\" tall", "six foot two and five foot ten tall"),
    (
        "21° C, -40 °C, 70°F",
        "twenty one degrees Celsius, minus forty degrees Celsius, seventy degrees Fahrenheit",
    ),
    ("a 6 ft. tall man; 12 in. long", "a six feet tall man; twelve inches long"),
    ("USD 5, CHF 100, 5 USD", "five dollars, one hundred Swiss francs, five dollars"),
    (
        "C$5, A$10, R$50, $-5",
        "five Canadian dollars, ten Australian dollars, fifty reais, minus five dollars",
    ),
    ("$20/month, $3/lb", "twenty dollars per month, three dollars per pound"),
    (
        "10^6, 10⁻³, 10³, x²",
        "ten to the power of six, ten to the power of minus three, ten cubed, x squared",
    ),
    ("50,000+ people", "fifty thousand plus people"),
    (
        "2024/02/29, 12-25-2024",
        "February twenty ninth twenty twenty four, December twenty fifth twenty twenty four",
    ),
    (
        "10.12.2024",
        "December tenth twenty twenty four",
    ),
    ("2024-02-29T10:30:00Z", "February twenty ninth twenty twenty four ten thirty"),
    (
        "29 Feb 2024, Dec 25, Mon., Jan. 1",
        "the twenty ninth of February twenty twenty four, December twenty fifth, Monday, January first",
    ),
    ("in 1066, 1066 soldiers", "in ten sixty six, one thousand sixty six soldiers"),
    ("1990/91", "nineteen ninety to ninety one"),
    ("123 Elm St., Apt. 4", "one hundred twenty three Elm street, apartment four"),
    ("c. 1500", "circa fifteen hundred"),
    ("Jan.–Mar.", "January, March."),
    ("the C# language", "the C sharp language"),
    ("v2.0, version v1.2.3-rc1", "version two point zero, version one point two point three rc one"),
    ("192.168.0.1", "one hundred ninety two dot one hundred sixty eight dot zero dot one"),
    ("5 - 3 = 2, 5 - 10 people", "five minus three equals two, five to ten people"),
    ("5 < 10, a > b, a ≠ b", "five less than ten, a greater than b, a is not equal to b"),
    ("~5, 5‰, √2, ∞", "about five, five per thousand, square root of two, infinity"),
    ("16:9, 1:1,000", "sixteen to nine, one to one thousand"),
    ("4x4, 3 x 4", "four by four, three by four"),
    ("50/50", "fifty fifty"),
    ("mid-1990s, 19th-century, 2nd-largest", "mid nineteen nineties, nineteenth century, second largest"),
    (
        "1 000 000, 1 234 567",
        "one million, one million two hundred thirty four thousand five hundred sixty seven",
    ),
    ("1M users, 3M", "one million users, three M"),
    ("J.R.R. Tolkien", "J R R Tolkien"),
    ("The U.S. Senate. In the U.S. The Senate.", "The U S Senate. In the U S. The Senate."),
    ("He sat. Then the sun. Sat. and Sun.", "He sat. Then the sun. Saturday and Sunday."),
    ("α, β, π", "alpha, beta, pi"),
    ("H₂O", "H two O"),
    ("№ 5", "number five"),
    ("50 km/h, km/h", "fifty kilometers per hour, kilometers per hour"),
)
SPANISH = (
    ("2do, 3ra, 5to", "segundo, tercera, quinto"),
    ("siglo V a. C., 300 d. C.", "siglo cinco antes de Cristo, trescientos después de Cristo."),
    ("XX aniversario, la II Guerra Mundial", "vigésimo aniversario, la segunda Guerra Mundial"),
    ("I Congreso, Rocky IV", "primer Congreso, Rocky i uve"),
    ("los siglos XVIII, XIX y XX, el s. XX", "los siglos dieciocho, diecinueve y veinte, el siglo veinte"),
    ("2 1/2 tazas, ½ kilo, 1/2 taza, 2½", "dos y media tazas, medio kilo, media taza, dos y medio"),
    ("+34 912 345 678", "más tres cuatro nueve uno dos tres cuatro cinco seis siete ocho"),
    (
        "tel. 912 345 678",
        "teléfono nueve uno dos tres cuatro cinco seis siete ocho",
    ),
    (
        "el 91 123 45 67",
        "el nueve uno uno dos tres cuatro cinco seis siete",
    ),
    (
        "912 345 678 habitantes",
        "novecientos doce trescientos cuarenta y cinco seiscientos setenta y ocho habitantes",
    ),
    ("(55) 1234-5678", "cinco cinco, uno dos tres cuatro cinco seis siete ocho"),
    ("100 km/h, 10 MB/s, km/h", "cien kilómetros por hora, diez megabytes por segundo, kilómetros por hora"),
    ("21° C, 20º C, -5 °C", "veintiún grados Celsius, veinte grados Celsius, menos cinco grados Celsius"),
    ("1 €, 21 €, 1 £, 201 €", "un euro, veintiún euros, una libra, doscientos un euros"),
    (
        "1.000.000 €, 1 000 €, 3 M€, 20 k€",
        "un millón de euros, mil euros, tres millones de euros, veinte mil euros",
    ),
    ("€ 20, $ 5, MXN 50", "veinte euros, cinco dólares, cincuenta pesos"),
    ("el 1 %, 21 %", "el uno por ciento, veintiuno por ciento"),
    (
        "31 mujeres, 1 vez, 200 noches, 1.021 alumnas",
        "treinta y una mujeres, una vez, doscientas noches, mil veintiuna alumnas",
    ),
    ("21 mil, 1 de cada 3", "veintiún mil, uno de cada tres"),
    (
        "5 feb. 2024, 24 de dic. de 2023",
        "cinco de febrero de dos mil veinticuatro, veinticuatro de diciembre de dos mil veintitrés",
    ),
    (
        "02/2024",
        "febrero de dos mil veinticuatro",
    ),
    ("el mar. Luego", "el mar. Luego"),
    ("9:00-17:30, 10–15km", "nueve a diecisiete y treinta, diez a quince kilómetros"),
    ("14.30 h, 21:00 h, 14h30", "catorce y treinta horas, veintiuna horas, catorce y treinta"),
    (
        "7 pm, 9 p. m., 12 p. m., 10:30 AM",
        "siete de la tarde, nueve de la noche, doce del mediodía, diez y treinta de la mañana",
    ),
    ("n.º 5, nº 5, No. 5, el no. Luego", "número cinco, número cinco, número cinco, el no. Luego"),
    ("pza. Mayor, Hnos. Ruiz, Fco. Gil, M.ª José", "plaza Mayor, hermanos Ruiz, Francisco Gil, María José"),
    (
        "JJ. OO., RR. HH., S. A., S.L.",
        "Juegos Olímpicos, recursos humanos, sociedad anónima, sociedad limitada.",
    ),
    ("En EE. UU. La gente", "En Estados Unidos. La gente"),
    ("EEUU, CCOO, PSOE", "Estados Unidos, Comisiones Obreras, pesoe"),
    ("UNAM, RAM, TIC, SIM", "UNAM, RAM, TIC, SIM"),
    ("I+D+i, C++, 11-S, plan B", "i más de más i, ce más más, once ese, plan be"),
    ("y/o, s/n, 24/7", "y o, sin número, veinticuatro siete"),
    ("v2.0, 3:1, 16:9", "versión dos punto cero, tres a uno, dieciséis a nueve"),
    (
        "x², √2, ~5, 5‰, a < b",
        "equis al cuadrado, raíz cuadrada de dos, unos cinco, cinco por mil, a menor que be",
    ),
    (
        "1 000 000, 1 234 567",
        "un millón, un millón doscientos treinta y cuatro mil quinientos sesenta y siete",
    ),
    ("Mr. Smith, Dr Ruiz", "míster Smith, doctor Ruiz"),
    ("un 3er piso, la 2.ª", "un tercer piso, la segunda"),
    ("4x4, 5G, 3D", "cuatro por cuatro, cinco ge, tres de"),
    ("H₂O, α", "hache dos O, alfa"),
)


@pytest.mark.parametrize(("text", "spoken"), ENGLISH)
def test_english(text: str, spoken: str) -> None:
    assert read(text, "en") == spoken


@pytest.mark.parametrize(("text", "spoken"), SPANISH)
def test_spanish(text: str, spoken: str) -> None:
    assert read(text, "es") == spoken
