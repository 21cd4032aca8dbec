"""The values of the fourth part of the corpus: made up, with check digits that hold; it knows no text around them.

Secrets and addresses of coins have modules of their own. `VALUES` gives, for each name that a template may use, the entity
and how one is made from a source of chance.
"""

from __future__ import annotations

import ipaddress
import string
from collections.abc import Callable
from random import Random

from stdnum import iban, luhn
from stdnum.gb import nhs

from detectors.fourth_coins import bitcoin, ether
from detectors.fourth_persons import aadhaar, checked, person_of_poland, person_of_spain, personnummer, taxpayer
from detectors.fourth_secrets import SECRETS
from detectors.fourth_signs import HEX, drawn, some, words

Maker = Callable[[Random], str]


GIVEN = words(
    "Anna Tom Lucía Mehmet Priya Jens Chloé Marek Ingrid Diego Naomi Paul Fatima Sean Yuki Olga Ben Camille Ravi Sofia"
)
FAMILY = words(
    "Becker Hughes Ortega Lindqvist Nowak Fournier Kapoor Tanaka O'Neill Santos Weiß Romano Petrov Larsen Díaz Okoye"
)
MAIL_HOSTS = words(
    "gmail.com outlook.com gmx.de web.de orange.fr yahoo.es icloud.com proton.me brightwater.io halden-logistik.de "
    "northgate.co.uk casa-verde.es mail.quillon.com uni-tarnau.de acme-tools.com lumen.health pixelwerk.studio "
    "stadt-bergheim.de hr.oakridge.edu finance.mirador.com.br tech.vantage.org.au post.tele.dk example.com example.org"
)
WEB_HOSTS = words(
    "docs.brightwater.io shop.casa-verde.es status.quillon.com intranet.halden-logistik.de northgate.co.uk pixelwerk.studio "
    "api.acme-tools.com lumen.health blog.mirador.com.br uni-tarnau.de vantage.org.au github.com en.wikipedia.org example.com"
)
FOLD = str.maketrans({"é": "e", "í": "i", "ß": "s", "'": ""})


def email(rng: Random) -> str:
    """An address of a person or of an office."""
    given, family = (rng.choice(names).lower().translate(FOLD) for names in (GIVEN, FAMILY))
    local = rng.choice(
        [
            f"{given}.{family}",
            f"{given}.{family}",
            f"{given[0]}{family}",
            f"{given}_{family}",
            f"{given}{rng.randrange(1, 99)}",
            f"{given}+{rng.choice(['news', 'shop', 'billing'])}",
            f"{family}-{given}",
            rng.choice(["info", "support", "billing", "jobs", "kontakt", "no-reply", "ventas"]),
        ]
    )
    address = f"{local}@{rng.choice(MAIL_HOSTS)}"
    return rng.choice([address] * 12 + [address.upper(), address.title().replace("@G", "@g")])


AMERICAN = words("212 415 617 303 206 512 702 919 313 404 216 503 612 718 801")
INTERNATIONAL = words(
    "+49 151 2#######|+49 30 2#######|+49 (0)89 3######|0049 176 3#######|+49-221-9######|+4917093#####|"
    "+44 20 7N## ####|+44 78125#####|+44 (0)121 6## ####|0044 7956 ######|+33 6 12 ## ## ##|+33 1 42 ## ## ##|+33(0)6 28 ## ## ##|"
    "+3361245####|+34 612 ### ###|+34 91 4## ## ##|+34 655######|+39 02 4### ####|+39 347 ### ####|+31 6 2### ####|+31 20 6## ####|"
    "+48 601 ### ###|+48 22 6## ## ##|+46 70 3## ## ##|+46 8 6## ### ##|+41 79 3## ## ##|+41 44 2## ## ##|+43 664 3######|+43 1 5######|"
    "+61 412 ### ###|+61 2 9N## ####|+91 98### #####|+91-22-2NN# ####|+55 11 98###-####|+81 90-1###-####|+81 3-3NN#-####|+52 55 5### ####|"
    "+351 912 ### ###|+353 87 2## ####|+45 20 ## ## ##|+47 915 ## ###|+358 40 5## ####|+32 475 ## ## ##|+972 50-3##-####|+27 82 4## ####|"
    "+65 9### ####|+90 532 2## ## ##|+380 67 2## ## ##|+7 916 ###-##-##|+86 138 0### ####",
    "|",
)
NATIONAL = {
    "de": "0151 2#######|030 2#######|030/2#######|0221-9######|(040) 3#######|0176 / 3#######|089 3######-1#|017093#####",
    "gb": "020 7N## ####|07812 5#####|0121 6## ####|(0161) 8## ####|07956######",
    "fr": "06 12 ## ## ##|01.42.##.##.##|06-28-##-##-##|061245####|01 42 ## ## ##",
    "es": "612 ### ###|91 4## ## ##|655######|93 2## ## ##",
    "it": "347 ### ####|02 4### ####",
    "nl": "06-2#######|020-6######|06 2### ####",
    "pl": "601 ### ###|601-###-###|22 6## ## ##",
    "se": "070-3## ## ##|08-6## ### ##",
    "ch": "079 3## ## ##|044 2## ## ##",
    "at": "0664 3######|01 5######",
    "au": "0412 ### ###|(02) 9N## ####",
    "in": "98### #####|022-2NN#####",
    "br": "(11) 98###-####|(21) 2NN#-####",
    "jp": "090-1###-####|03-3NN#-####",
}


def american(rng: Random, forms: str) -> str:
    """A number of North America in one of `forms`, with area code, exchange and line."""
    exchange = rng.choice([n for n in range(220, 990) if n % 100 != 11 and n != 555])
    return rng.choice(forms.split("|")).format(a=rng.choice(AMERICAN), e=exchange, s=some(rng, string.digits, 4))


def phone(rng: Random) -> str:
    """A number in international form."""
    if rng.random() < 0.2:
        return american(rng, "+1 {a} {e} {s}|+1-{a}-{e}-{s}|+1 ({a}) {e}-{s}|+1{a}{e}{s}|+1.{a}.{e}.{s}")
    return drawn(rng, rng.choice(INTERNATIONAL))


def national(country: str) -> Maker:
    """A number as one writes it within `country`."""
    return lambda rng: drawn(rng, rng.choice(NATIONAL[country].split("|")))


def extended(rng: Random) -> str:
    """A number of North America or Britain with an extension, which is part of it."""
    number = american(rng, "({a}) {e}-{s}|{a}-{e}-{s}|+1 {a} {e} {s}") if rng.random() < 0.8 else drawn(rng, "020 7N## ####")
    return (
        number + rng.choice([" ext. ", " x", " ext ", ", ext. ", " extension "]) + drawn(rng, rng.choice(["N##", "N###", "N#"]))
    )


NETWORKS = ["4###############"] * 4 + ["5N##############"] * 3
NETWORKS += words(
    "2345############ 34############# 37############# 6011############ 65############## 3530############ 36############ 62##############"
)


def card_plain(rng: Random) -> str:
    """The digits of a card, Luhn's check digit last."""
    body = drawn(rng, rng.choice(NETWORKS))[:-1]
    if body.startswith("5"):
        body = "5" + some(rng, "12345", 1) + body[2:]
    return body + luhn.calc_check_digit(body)


def grouped(digits: str, sign: str) -> str:
    """The digits of a card as they are embossed."""
    sizes = {16: [4, 4, 4, 4], 15: [4, 6, 5], 14: [4, 6, 4]}[len(digits)]
    return sign.join(digits[sum(sizes[:at]) : sum(sizes[: at + 1])] for at in range(len(sizes)))


def card(rng: Random) -> str:
    """A card, spaced, dashed or plain."""
    digits = card_plain(rng)
    return rng.choice([digits, grouped(digits, " "), grouped(digits, " "), grouped(digits, "-")])


def ssn(sign: str) -> Maker:
    """A number of social security that can have been issued, its parts joined by `sign`."""

    def make(rng: Random) -> str:
        area = rng.choice([n for n in range(1, 900) if n != 666])
        return sign.join((f"{area:03}", f"{rng.randrange(1, 100):02}", f"{rng.randrange(1, 10000):04}"))

    return make


BANKS = {"GB": "BARC", "NL": "INGB", "IE": "AIBK", "RO": "BTRL", "LV": "HABA", "MT": "VALL", "BG": "UNCR"}
BBAN = {
    entry[:2]: int(entry[2:])
    for entry in words(
        "DE18 AT16 CH17 LI17 GB14 NL10 IE14 RO16 LV13 MT23 BG14 ES20 BE12 PL24 SE20 DK14 FI14 NO11 PT21 CZ20 GR23 LU16 HR17 SI15 SK20 EE16 LT16 CY24 TR22 AE19 SA20 IL19 FR23 IT22 HU24"
    )
}


def _bban(rng: Random, country: str) -> str:
    digits = some(rng, string.digits, BBAN[country])
    if country == "FR":
        bank, branch, account = digits[:5], digits[5:10], digits[10:21]
        return bank + branch + account + f"{97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97:02}"
    if country == "IT":
        return some(rng, string.ascii_uppercase, 1) + digits
    if country == "TR":
        return digits[:5] + "0" + digits[6:]
    return BANKS.get(country, "") + digits


def iban_of(rng: Random, country: str) -> str:
    """An account of `country` without spaces; the national check digits hold too where they are known."""
    while True:
        bban = _bban(rng, country)
        number = country + iban.calc_check_digits(f"{country}00{bban}") + bban
        if iban.is_valid(number):
            return number


def account(countries: str = "") -> Maker:
    """An account of one of `countries`, in fours or in one piece."""

    def make(rng: Random) -> str:
        number = iban_of(rng, rng.choice(countries.split() or sorted(BBAN)))
        return number if rng.random() < 0.45 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))

    return make


def ip4(rng: Random) -> str:
    """An address of version 4, private in a third of the cases."""
    private = [f"10.{rng.randrange(256)}", "192.168", f"172.{rng.randrange(16, 32)}"]
    first = rng.choice([n for n in range(2, 224) if n not in {10, 127}])
    network = rng.choice(private) if rng.random() < 0.33 else f"{first}.{rng.randrange(256)}"
    return f"{network}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def ip6(rng: Random) -> str:
    """An address of version 6: compressed, in full, local, or one of version 4 in disguise."""
    prefix = rng.choice(["20010db8", "2a0204f8", "26031030", "2a00145f", "fd12ab34", "fe800000"])
    tail = some(rng, HEX, 24) if rng.random() < 0.4 else "0" * rng.choice([12, 16, 20])
    address = ipaddress.IPv6Address(int((prefix + tail + some(rng, HEX, 24))[:32], 16))
    mapped = f"::ffff:{ip4(rng)}"
    return rng.choice([address.compressed] * 5 + [address.exploded, address.compressed.upper(), mapped])


WORDS = words("invoice help reset-password orders products returns v2 guide de pricing team articles")


def url(rng: Random) -> str:
    """An address on the web, now and then without its scheme."""
    host = rng.choice(WEB_HOSTS)
    path = "/" + "/".join(rng.sample(WORDS, rng.randrange(1, 4)))
    query = rng.choice(
        ["", "", "", f"?id={rng.randrange(1, 9999)}", f"?q={rng.choice(WORDS)}&page={rng.randrange(1, 9)}", "#section-2"]
    )
    file = rng.choice(["", "", "", "/", ".html", ".pdf", f"/{rng.randrange(100, 99999)}"])
    return rng.choice(
        [f"https://{host}{path}{file}{query}"] * 8
        + [f"http://{host}:8080{path}", f"https://{host}", f"http://{host}{path}{query}"]
    )


def bare_url(rng: Random) -> str:
    """An address on the web as people write it, without its scheme."""
    host = rng.choice([host for host in WEB_HOSTS if host.count(".") == 1])
    return rng.choice([f"www.{host}", f"www.{host}/{rng.choice(WORDS)}", f"{host}/{rng.choice(WORDS)}/{rng.choice(WORDS)}"])


def mac(sign: str, size: int = 2) -> Maker:
    """An address of a network card, in groups of `size` joined by `sign`."""

    def make(rng: Random) -> str:
        maker = rng.choice(words("001a2b 3c5ab4 b827eb f45c89 dca632 005056 080027 525400 0242ac 9c8e99"))
        digits = maker + some(rng, HEX, 6)
        if rng.random() < 0.45:
            digits = digits.upper()
        return sign.join(digits[at : at + size] for at in range(0, 12, size))

    return make


VALUES: dict[str, tuple[str, Maker]] = {
    "EMAIL": ("EMAIL_ADDRESS", email),
    "PHONE": ("PHONE_NUMBER", phone),
    "PHONE.ext": ("PHONE_NUMBER", extended),
    "PHONE.us": (
        "PHONE_NUMBER",
        lambda rng: american(rng, "({a}) {e}-{s}|{a}-{e}-{s}|{a}.{e}.{s}|{a} {e} {s}|1-{a}-{e}-{s}|{a}{e}{s}"),
    ),
    "PHONE.area": ("PHONE_NUMBER", lambda rng: american(rng, "({a}) {e}-{s}|({a}) {e}-{s}|({a}){e}-{s}")),
    **{f"PHONE.{country}": ("PHONE_NUMBER", national(country)) for country in NATIONAL},
    "CARD": ("CREDIT_CARD", card),
    "CARD.plain": ("CREDIT_CARD", card_plain),
    "SSN": ("US_SSN", ssn("-")),
    "SSN.space": ("US_SSN", ssn(" ")),
    "SSN.plain": ("US_SSN", ssn("")),
    "IBAN": ("IBAN_CODE", account()),
    "IBAN.de": ("IBAN_CODE", account("DE DE AT CH")),
    "IBAN.fr": ("IBAN_CODE", account("FR FR BE LU")),
    "IBAN.es": ("IBAN_CODE", account("ES")),
    "IP4": ("IP_ADDRESS", ip4),
    "IP6": ("IP_ADDRESS", ip6),
    "URL": ("URL", url),
    "URL.bare": ("URL", bare_url),
    "MAC": ("MAC_ADDRESS", mac(":")),
    "MAC.dash": ("MAC_ADDRESS", mac("-")),
    "MAC.dots": ("MAC_ADDRESS", mac(".", 4)),
    "MAC.plain": ("MAC_ADDRESS", mac("")),
    "BTC": ("CRYPTO", bitcoin),
    "ETH": ("CRYPTO", ether),
    **{name: ("API_KEY", make) for name, make in SECRETS.items()},
    "TFN": ("AU_TFN", taxpayer),
    "SIN": ("CA_SIN", checked(9, luhn.calc_check_digit, "### ### ###|### ### ###|###-###-###|#########")),
    "NIF": ("ES_NIF", person_of_spain),
    "AADHAAR": ("IN_AADHAAR", aadhaar),
    "PESEL": ("PL_PESEL", person_of_poland),
    "PNR": ("SE_PERSONNUMMER", personnummer),
    "NHS": (
        "UK_NHS",
        checked(10, lambda body: str(-nhs.checksum(body + "0") % 11), "### ### ####|### ### ####|###-###-####|##########"),
    ),
}
