"""Values of the fifth part of the corpus: made up, well formed, written as people write them. They know no sentence."""

from __future__ import annotations

import ipaddress
from random import Random

from stdnum import luhn
from stdnum.es import ccc

DIGITS = "0123456789"


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


_GIVEN = words(
    "anna bruno chiara dmitri elena farid greta hugo ines jonas katja luca marta nils olivia pablo quentin rosa sven tessa "
    "ulrike victor wanda xenia yusuf zoe amelie benedikt carmen declan"
)
_FAMILY = words(
    "abbott brenner castillo dufour esposito fischer garnier hoffmann iglesias jansen keller lombardi moreau novak oneill "
    "pereira quinn rossi schneider tanaka ullrich vidal weber yilmaz zimmermann okafor lindqvist haddad"
)
_MAIL_HOSTS = words(
    "gmail.com outlook.com yahoo.co.uk gmx.de web.de orange.fr libero.it hotmail.es example.com example.org icloud.com "
    "harbourview-clinic.org brightleaf.io nordwind-logistik.de atelier-lumiere.fr talleres-vega.es studiobianchi.it "
    "mail.kestrelbank.co.uk eng.quarrysoft.dev proton.me students.lakeside.edu stadtwerke-altenau.at"
)
_MAIL_ROLES = words("support billing hr.team accounts no-reply info office+intake privacy jobs service-desk")

_WEB_HOSTS = words(
    "www.example.com example.org docs.brightleaf.io status.kestrelbank.co.uk shop.talleres-vega.es app.quarrysoft.dev "
    "portal.harbourview-clinic.org nordwind-logistik.de www.atelier-lumiere.fr intranet.lakeside.edu api.fernhill.net "
    "cdn.oakandstone.com.au tickets.studiobianchi.it wiki.altenau.at www.kestrelbank.co.uk www.lakeside.edu"
)
_WEB_PARTS = words(
    "account login orders invoices help articles reset-password v2 users reports 2024 download en blog terms privacy "
    "returns dashboard settings tracking.html form.php team"
)
_WEB_QUERIES = ("id={}", "ref=newsletter&uid={}", "q=delivery+times&page={}", "token={}&lang=en", "utm_source=mail&utm_id={}")

# Country code, trunk prefix, national numbers: d any digit, n from 2 to 9; a space parts groups.
_PLANS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "US": (
        "1",
        "",
        tuple(f"{area} n4d dddd" for area in words("212 312 415 617 206 303 404 512 602 713 718 818 503 614 702 813 919")),
    ),
    "GB": ("44", "0", ("20 7ndd dddd", "20 8ndd dddd", "161 4dd dddd", "7712 dddddd", "7891 dddddd", "7940 dddddd")),
    "DE": (
        "49",
        "0",
        ("30 n5ddddd", "89 n4dddddd", "221 n5ddddd", "711 n4ddddd", "171 nd ddddd", "176 nddddddd", "151 nddddddd"),
    ),
    "FR": ("33", "0", ("1 4d dd dd dd", "4 7d dd dd dd", "6 1d dd dd dd", "7 8d dd dd dd")),
    "ES": ("34", "", ("91 n4d dd dd", "93 n4d dd dd", "6nd ddd ddd", "6nd dd dd dd")),
    "IT": ("39", "", ("02 4ddd dddd", "06 5ddd dddd", "347 nddddd4", "338 ndd dddd", "320 ndd dddd")),
    "NL": ("31", "0", ("20 n4d dddd", "10 n4d dddd", "6 2d dd dd dd", "6 5d dd dd dd")),
    "CH": ("41", "0", ("44 n4d dd dd", "31 n2d dd dd", "79 n4d dd dd", "78 n6d dd dd")),
    "AT": ("43", "0", ("1 n4ddddd", "664 nd ddddd", "676 n ddd ddd")),
    "AU": ("61", "0", ("2 9ndd dddd", "3 9ndd dddd", "412 ndd ddd", "423 ndd ddd")),
}
COUNTRIES = tuple(_PLANS)


def digits(rng: Random, count: int) -> str:
    """As many decimal digits."""
    return "".join(rng.choice(DIGITS) for _ in range(count))


def email(rng: Random) -> str:
    """An address of a person or of an office."""
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    local = rng.choice(
        (
            f"{given}.{family}",
            f"{given[0]}.{family}",
            f"{given}_{family}{digits(rng, 2)}",
            f"{family}.{given}{rng.randrange(1950, 2008)}",
            f"{given}-{family}",
            f"{given}+{rng.choice(('news', 'shop', 'test'))}",
            f"{given.title()}.{family.title()}",
            rng.choice(_MAIL_ROLES),
        )
    )
    return f"{local}@{rng.choice(_MAIL_HOSTS)}"


def _number(rng: Random, country: str) -> tuple[str, str, str]:
    """Country code, trunk prefix and national number of a telephone."""
    code, trunk, patterns = _PLANS[country]
    drawn = {"d": lambda: rng.choice(DIGITS), "n": lambda: rng.choice("23456789")}
    return code, trunk, "".join(drawn[sign]() if sign in drawn else sign for sign in rng.choice(patterns))


def national_phone(rng: Random, country: str) -> str:
    """A telephone number as it is written inside its country."""
    _, trunk, number = _number(rng, country)
    area, rest = number.split(" ", 1)
    if country == "US":
        return rng.choice((f"({area}) {rest.replace(' ', '-')}", number.replace(" ", "-"), number.replace(" ", ".")))
    forms = [trunk + number, trunk + number]
    if country in {"DE", "AT"}:
        forms += [f"{trunk}{area}/{rest.replace(' ', '')}", f"{trunk}{area}-{rest.replace(' ', '')}", f"({trunk}{area}) {rest}"]
    if country == "FR":
        forms += [(trunk + number).replace(" ", "."), (trunk + number).replace(" ", "")]
    if country == "NL":
        forms += [f"{trunk}{area}-{rest.replace(' ', '')}"]
    if country in {"GB", "AU"}:
        forms += [f"({trunk}{area}) {rest}", (trunk + number).replace(" ", "")]
    if country in {"ES", "IT", "CH"}:
        forms += [(trunk + number).replace(" ", "")]
    return rng.choice(forms)


def phone(rng: Random) -> str:
    """A telephone number in an international form."""
    code, trunk, number = _number(rng, rng.choice(COUNTRIES))
    area, rest = number.split(" ", 1)
    forms = [
        f"+{code} {number}",
        f"+{code} {number}",
        f"+{code}{number.replace(' ', '')}",
        f"+{code} {number.replace(' ', '-')}",
    ]
    forms += [f"+{code}-{number.replace(' ', '-')}", f"+{code} ({area}) {rest}" if not trunk else f"+{code} ({trunk}){number}"]
    if code not in {"1", "61"}:
        forms += [f"00{code} {number}"]
    return rng.choice(forms)


def _card(rng: Random) -> str:
    prefix, length = rng.choice(
        (
            ("4", 16),
            ("4", 16),
            ("51", 16),
            ("53", 16),
            ("55", 16),
            ("2412", 16),
            ("37", 15),
            ("34", 15),
            ("6011", 16),
            ("3566", 16),
        )
    )
    body = prefix + digits(rng, length - len(prefix) - 1)
    return body + luhn.calc_check_digit(body)


def card(rng: Random) -> str:
    """A card's number, in groups or not."""
    number = _card(rng)
    cuts = (4, 10) if len(number) == 15 else (4, 8, 12)
    sign = rng.choice((" ", " ", "-", ""))
    ends = (*cuts, len(number))
    return sign.join(number[start:end] for start, end in zip((0, *cuts), ends, strict=True))


def plain_card(rng: Random) -> str:
    """A card's number without groups."""
    return _card(rng)


def ssn(rng: Random) -> str:
    """A social security number of the United States with its dashes."""
    area = rng.choice([area for area in range(1, 773) if area != 666])
    return f"{area:03}-{rng.randrange(1, 100):02}-{rng.randrange(1, 10000):04}"


def named_ssn(rng: Random) -> str:
    """A social security number as it is written where its name stands by it."""
    dashed = ssn(rng)
    return rng.choice((dashed, dashed, dashed, dashed.replace("-", ""), dashed.replace("-", " ")))


def _bban(rng: Random, country: str) -> str:
    if country == "ES":
        bank, account = digits(rng, 8), digits(rng, 10)
        return bank + ccc.calc_check_digits(f"{bank}00{account}") + account
    if country == "BE":
        number = rng.choice(("068", "310", "001")) + digits(rng, 7)
        return f"{number}{int(number) % 97 or 97:02}"
    if country == "FR":
        bank, desk, account = digits(rng, 5), digits(rng, 5), digits(rng, 11)
        return f"{bank}{desk}{account}{97 - (89 * int(bank) + 15 * int(desk) + 3 * int(account)) % 97:02}"
    banks = {"GB": ("BARC", "LOYD", "NWBK"), "NL": ("ABNA", "INGB", "RABO"), "IE": ("AIBK", "BOFI")}.get(country)
    rest = {"DE": 18, "GB": 14, "NL": 10, "IE": 14, "CH": 17, "AT": 16, "DK": 14, "PT": 21, "SE": 20, "NO": 11}[country]
    return (rng.choice(banks) if banks else "") + digits(rng, rest)


def iban(rng: Random) -> str:
    """An IBAN, in groups of four or not."""
    country = rng.choice(words("DE DE GB FR FR ES ES NL IE CH AT BE DK SE"))
    bban = _bban(rng, country)
    rest = int("".join(str(int(sign, 36)) for sign in f"{bban}{country}00")) % 97
    whole = f"{country}{98 - rest:02}{bban}"
    return rng.choice((whole, " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))))


def ipv4(rng: Random) -> str:
    """An address of version 4, public or private."""
    start = rng.choice(
        ("10.", "192.168.", "172.20.", "198.51.100.", "203.0.113.", *(f"{n}." for n in (23, 45, 81, 93, 104, 151, 185)))
    )
    return start + ".".join(str(rng.randrange(1, 255)) for _ in range(4 - start.count(".")))


def ipv6(rng: Random) -> str:
    """An address of version 6, short or in full."""
    start = rng.choice((0x20010DB8, 0x2A000145, 0x2A02908A, 0xFD420A11, 0xFE800000))
    middle = 0 if start == 0xFE800000 or rng.random() < 0.5 else rng.getrandbits(32)
    address = ipaddress.IPv6Address((start << 96) | (middle << 64) | rng.getrandbits(rng.choice((16, 48, 64))))
    return rng.choice((address.compressed, address.compressed, address.exploded))


def ip(rng: Random) -> str:
    """An address of a host of either version."""
    return ipv4(rng) if rng.random() < 0.65 else ipv6(rng)


def url(rng: Random) -> str:
    """An address of a page."""
    host = rng.choice(_WEB_HOSTS)
    path = "".join(f"/{rng.choice(_WEB_PARTS)}" for _ in range(rng.randrange(1, 4)))
    start = "" if host.startswith("www.") and rng.random() < 0.4 else rng.choice(("https://", "https://", "http://"))
    query = "?" + rng.choice(_WEB_QUERIES).format(digits(rng, 5)) if rng.random() < 0.35 else ""
    anchor = f"#section-{rng.randrange(1, 9)}" if not query and rng.random() < 0.15 else ""
    return f"{start}{host}{path}{query}{anchor}"


def mac(rng: Random) -> str:
    """A hardware address in one of three forms."""
    plain = rng.choice(("00163e", "b827eb", "3c5ab4", "f0def1", "a4c361", "001a2b", "dca632")) + f"{rng.getrandbits(24):06x}"
    pairs = [plain[at : at + 2] for at in range(0, 12, 2)]
    dotted = ".".join(plain[at : at + 4] for at in (0, 4, 8))
    return rng.choice((":".join(pairs), ":".join(pairs).upper(), "-".join(pairs).upper(), "-".join(pairs), dotted))
