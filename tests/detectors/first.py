"""The first half of the labelled corpus: what people write to each other. ``PYTHONPATH=tests python -m detectors.first`` writes it.

Frozen before the detectors were tuned: `corpus/first.jsonl` is what counts, and its digest stands in the tests.
"""

from __future__ import annotations

import hashlib
import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from random import Random

from detectors import values

SEED = 20261124
RECORDS = 2000

GIVEN = ("Ana", "Bruno", "Chidi", "Dagmar", "Élodie", "Farid", "Greta", "Hana", "Ivo", "Jana", "Keiko", "Łukasz", "Mbali", "Noor",
         "Olaf", "Priya", "Quentin", "Rosa", "Søren", "Tomás", "Uma", "Vera", "Wei", "Ximena", "Yusuf", "Zoë")  # fmt: skip
FAMILY = ("Almeida", "Brandt", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horváth", "Ito", "Jensen", "Kowalska", "Lindqvist",
          "Moreau", "Novak", "Okafor", "Petrov", "Quispe", "Rossi", "Schmidt", "Tanaka", "Ueda", "Vargas", "Weber", "Yilmaz")  # fmt: skip
HOSTS = ("example.com", "example.org", "mail.example.net", "northwind.example", "acme-tools.com", "bluefjord.no", "kanzlei-berg.de",
         "correo.com.ar", "posta.it", "uni-graz.ac.at", "shop.co.uk", "startup.io", "health.gov.au", "museum.museum")  # fmt: skip


def _plain(text: str) -> str:
    table = str.maketrans("áéíóúëïöüçłøñß", "aeioueioucloms"[:14])
    return text.lower().translate(table).encode("ascii", "ignore").decode()


def email(r: Random) -> str:
    """Return an address of electronic mail."""
    given, family = _plain(r.choice(GIVEN)), _plain(r.choice(FAMILY))
    local = r.choice((
        f"{given}.{family}", f"{given[0]}{family}", f"{given}_{family}{r.randint(1, 99)}", f"{given}+{r.choice(('news', 'inv', 'x1'))}",
        f"{family}", f"{given}-{family}", f"{given}.{family}.ext", "info", f"o'{family}", f"{given.upper()}.{family.title()}", f"{r.randint(10, 99999)}",
    ))  # fmt: skip
    return f"{local}@{r.choice(HOSTS)}"


PHONES = ("+1 %##-%##-####", "(%##) %##-####", "%##-%##-####", "%##.%##.####", "1-%##-%##-####", "+1 (%##) %##-####", "+44 20 7### ####",
          "020 7### ####", "07### ######"[:3] + "00 ######", "+44 7700 ######", "+49 30 ########", "+49 (0)89 #######", "0151 ########",
          "030 #######", "+49 171 #######", "+33 1 42 ## ## ##", "06 1# ## ## ##", "01 45 ## ## ##", "+33612######", "+34 6## ### ###",
          "91 4## ## ##", "+39 06 6### ####", "333 #######", "+31 6 ########", "06-1#######", "+48 60# ### ###", "22 62# ## ##",
          "+46 70 ### ## ##", "08-6## ## ##", "+41 44 2## ## ##", "079 3## ## ##", "+43 664 #######", "0664 #######", "+91 98### #####",
          "98### #####", "+61 4## ### ###", "04## ### ###", "(02) 9### ####", "+55 11 9####-####", "(11) 9####-####", "+81 3-3###-####",
          "090-%###-####", "+353 87 ### ####", "+972 52-###-####", "+380 50 ### ## ##", "0048 22 62# ## ##", "+86 138 #### ####",
          "%##-%##-#### x###", "(%##) %##-#### ext. ##")  # fmt: skip


def phone(r: Random) -> str:
    """Return a telephone number in some country's way of writing."""
    return values.masked(r, r.choice(PHONES))


def ssn(r: Random) -> str:
    """Return a social security number as it is mostly written."""
    return values.grouped(values.ssn(r), (3, 2, 4), r.choice(("-", "-", "-", " ")))


def iban(r: Random) -> str:
    """Return an IBAN, half of them in groups."""
    plain = values.iban(r)
    return r.choice((plain, values.grouped(plain, (4,), " ")))


def url(r: Random) -> str:
    """Return an address of the web."""
    host = r.choice(
        (
            "www.example.com",
            "docs.example.org",
            "bluefjord.no",
            "shop.example.co.uk",
            "xn--bcher-kva.example",
            "intra.acme-tools.com:8443",
        )
    )
    path = r.choice(
        ("", "/", "/help", "/a/b.html", "/search?q=tea&page=2", "/~ana/", "/wiki/Tea_(drink)", "/d/1f3a#top", "/caf%C3%A9")
    )
    return r.choice(
        (
            f"https://{host}{path}",
            f"https://{host}{path}",
            f"http://{host}{path}",
            f"www.acme-tools.com{path}",
            f"ftp://{host}/pub/x.zip",
        )
    )


ENTITIES: dict[str, Callable[[Random], str]] = {
    "EMAIL_ADDRESS": email,
    "PHONE_NUMBER": phone,
    "CREDIT_CARD": lambda r: values.card_written(r, values.card(r, rare=r.random() < 0.2)),
    "US_SSN": ssn,
    "IBAN_CODE": iban,
    "IP_ADDRESS": lambda r: values.ipv4(r) if r.random() < 0.6 else values.ipv6(r),
    "URL": url,
    "MAC_ADDRESS": values.mac,
    "CRYPTO": values.crypto,
    "API_KEY": values.api_key,
}

SENTENCES = {
    "EMAIL_ADDRESS": (
        "Please write to {} when the parts arrive.", "My new address is {}, the old one bounces.", "Contact: {}", "<{}> wrote:",
        "Schreib bitte an {} bis Freitag.", "Mon adresse est {}.", "Mi correo es {}; gracias.", "Scrivimi a {}!", "{} kann sich nicht anmelden.",
        "The invite went to {} and nobody answered", "cc {} please", "(reachable at {})", "Adres: {}, proszę o odpowiedź.", "メールは{}までお願いします。",
    ),
    "PHONE_NUMBER": (
        "Call me at {} after lunch.", "My phone number is {}.", "Tel.: {}", "Mobile {}", "You can reach me on {} until six.", "Fax: {}",
        "Telefon: {}", "Ruf mich unter {} an.", "Mein Handy: {}", "Appelez-moi au {}.", "Tél. {}", "Mi teléfono es {}.", "Llámame al {}",
        "Il mio cellulare è {}.", "Mijn nummer is {}, bel gerust.", "Proszę dzwonić: tel. {}", "Ring mig på {}", "電話: {}", "Телефон: {}",
        "She left a number, {}, and hung up.", "WhatsApp {}", "text {} when you are outside", "Kind regards\n{}", "Phone {} | Office 4.12",
    ),
    "CREDIT_CARD": (
        "Please charge my card {}.", "The payment with {} was declined twice.", "Card number: {}, expires 09/29", "I was billed on {} by mistake.",
        "Meine Kreditkarte {} wurde gesperrt.", "Ma carte {} ne marche plus.", "La tarjeta {} fue rechazada.", "visa {}", "CC {} CVV 123",
        "Refund goes to {} as before.", "Use {} for the deposit.",
    ),
    "US_SSN": (
        "My SSN is {}.", "Social security number: {}", "Applicant {} filed in March.", "Please verify {} before payroll runs.", "SSN {}, born 1980",
        "The form says {}, which is right.", "ss# {}", "He gave {} as his social.",
    ),
    "IBAN_CODE": (
        "Please transfer it to {}.", "IBAN: {}", "Meine IBAN lautet {}.", "Mon IBAN est {}", "Our account is {} (BIC COBADEFF).", "Wire to {} by Monday",
        "El IBAN {} no es correcto.", "Rachunek: {}", "Pay into {}, reference 4711",
    ),
    "IP_ADDRESS": (
        "The login came from {}.", "Ping {} fails since noon.", "server at {} is down", "Blocked: {}", "Die Adresse {} antwortet nicht.",
        "From {} we saw many failures", "Our printer has {} now.", "IP {}",
    ),
    "URL": (
        "See {} for details.", "The page {} is broken.", "Link: {}", "Docs are at {}, please read them.", "(see {})", "Siehe {}", "Voir {} svp",
        "I found it on {}!", "Open {} and click on Save",
    ),
    "MAC_ADDRESS": (
        "The device {} lost its lease.", "MAC {}", "Adapter {} is unknown.", "Please allow {} on the Wi-Fi.", "Das Gerät {} meldet sich nicht.",
    ),
    "CRYPTO": (
        "Send the deposit to {}.", "My wallet: {}", "BTC {} received nothing", "The coins went to {} yesterday.", "Bitcoin-Adresse {}",
    ),
    "API_KEY": (
        "The key is {}.", "I pasted {} into the form by mistake.", "Authorization: Bearer {}", "export TOKEN={}", "Here is the token:\n{}",
        "Der Schlüssel {} ist abgelaufen.", "please revoke {} now", "api_key: {}", 'token = "{}"',
    ),
}  # fmt: skip

OPAQUE = (
    'api_key = "{}"', "aws_secret_access_key = {}", 'client_secret: "{}"', "X-Api-Key: {}", "password for the vault token: {}", "SECRET_KEY={}",
    "access token {} stopped working", 'apiKey: "{}",',
)  # fmt: skip

NATIONAL = {
    "UK_NHS": ("NHS number {}.", "Patient's NHS no: {}"), "ES_NIF": ("Mi DNI es {}.", "NIF: {}"), "PL_PESEL": ("PESEL: {}", "Mój PESEL to {}."),
    "CA_SIN": ("My SIN is {}.", "Social insurance number {}"), "AU_TFN": ("TFN: {}", "Her tax file number is {}."),
    "IN_AADHAAR": ("Aadhaar {}", "My Aadhaar number is {}."), "SE_PERSONNUMMER": ("Personnummer: {}", "Mitt personnummer är {}."),
}  # fmt: skip

AROUND = (
    "", "Hello,", "Hi team,", "Thanks for the quick answer last week.", "I ordered two chairs in May and one is still missing.",
    "It worked until the update.", "Guten Tag,", "Ich warte seit drei Tagen auf eine Antwort.", "Bonjour,", "Merci d'avance.", "Buenos días,",
    "The manual says something else on page 12.", "Best,", "Could you have a look?", "Sincerely", "Our office is closed on 24 December.",
    "The total was 149.90 EUR.", "お世話になっております。", "Дякую за допомогу.", "This is urgent 🙏", "Version 4.2 is installed on 3 machines.",
)  # fmt: skip


def _digits(length: int) -> Callable[[Random], str]:
    return lambda r: r.choice("123456789") + values.drawn(r, string.digits, length - 1)


def _stamp(r: Random) -> str:
    return f"20{r.randint(15, 29)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"


def _clock(r: Random) -> str:
    return f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}"


_HEX = "0123456789abcdef"

DECOYS: tuple[tuple[str, Callable[[Random], str]], ...] = (
    # order numbers
    ("Order {} has shipped.", lambda r: values.masked(r, r.choice(("####-####-####", "########", "###-#######-#######", "@@-######", "#### #### ##")))),
    ("Invoice {} is still open.", lambda r: f"INV-{r.randint(2020, 2027)}-{values.masked(r, '######')}"),
    ("Ticket #{} was closed.", _digits(7)),
    ("My order number is {}.", lambda r: values.masked(r, r.choice(("#########", "##########", "###-##-######")))),
    ("Bestellnummer {} fehlt.", lambda r: values.masked(r, r.choice(("###########", "##-#####-####")))),
    ("Commande n° {} annulée.", lambda r: values.masked(r, r.choice(("#########", "### ### ###")))),
    ("Tracking {} says delivered.", lambda r: values.masked(r, r.choice(("1Z###@@##########", "############", "JD################"[:18])))),
    ("reference {}", values.wrong_card),
    ("Reference number {} on the slip", lambda r: values.grouped(values.wrong_card(r), (4,), " ")),
    # versions
    ("We run version {} in production.", lambda r: f"{r.randint(1, 30)}.{r.randint(0, 20)}.{r.randint(0, 20)}.{r.randint(0, 9999)}"),
    ("Updated from v{} without trouble.", lambda r: f"{r.randint(1, 30)}.{r.randint(0, 20)}.{r.randint(0, 20)}.{r.randint(0, 99)}"),
    ("Chrome/{} on Windows", lambda r: f"{r.randint(90, 140)}.0.{r.randint(4000, 7000)}.{r.randint(10, 200)}"),
    ("firmware {} fixes it", lambda r: f"{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 20)}-rc{r.randint(1, 9)}"),
    ("OID {}", lambda r: f"1.3.6.1.4.1.{r.randint(1, 9999)}.{r.randint(1, 9)}.{r.randint(1, 9)}"),
    ("see section {} of the standard", lambda r: f"{r.randint(1, 9)}.{r.randint(1, 20)}.{r.randint(1, 20)}"),
    # timestamps
    ("It happened at {}.", lambda r: f"{_stamp(r)}T{_clock(r)}.{values.masked(r, '###')}Z"),
    ("Logged {} (epoch)", lambda r: str(r.randint(1_500_000_000, 1_900_000_000))),
    ("ts={}", lambda r: str(r.randint(1_500_000_000_000, 1_900_000_000_000))),
    ("Backup {} finished.", lambda r: f"{_stamp(r).replace('-', '')}{_clock(r).replace(':', '')}"),
    ("Termin am {} um acht", lambda r: f"{r.randint(1, 28):02d}.{r.randint(1, 12):02d}.20{r.randint(15, 29)}"),
    ("between {}", lambda r: f"{_stamp(r)} and {_stamp(r)}"),
    ("{} to {}", _clock),
    # hashes and ids
    ("commit {}", lambda r: values.drawn(r, _HEX, r.choice((7, 40)))),
    ("sha256:{}", lambda r: values.drawn(r, _HEX, 64)),
    ("md5 {} does not match", lambda r: values.drawn(r, _HEX, 32)),
    ("Record {} is gone.", lambda r: values.grouped(values.drawn(r, _HEX, 32), (8, 4, 4, 4, 12), "-")),
    ("fingerprint {}", lambda r: values.grouped(values.drawn(r, _HEX, 40).upper(), (2,), ":")),
    ("digest {}", lambda r: values.drawn(r, string.ascii_letters + string.digits + "+/", 43) + "="),
    # part numbers
    ("Part {} is out of stock.", lambda r: values.masked(r, r.choice(("###-##-####-@", "@@#######", "##-####-##", "@###-####-####", "PN-###.####.####")))),
    ("SKU {}", lambda r: values.masked(r, r.choice(("400#########", "@@@-####-@@", "########-###")))),
    ("ISBN {}", lambda r: values.masked(r, r.choice(("978-3-16-######-#", "978##########")))),
    ("Serial {} (sticker on the back)", lambda r: values.masked(r, r.choice(("@@##@@##@@##", "S/N ##########", "####@@######")))),
    ("Artikelnummer {}", lambda r: values.masked(r, r.choice(("###.###.##", "## ## ####", "######-##")))),
    # random digits
    ("The counter shows {}.", lambda r: _digits(r.randint(6, 22))(r)),
    ("{}", lambda r: _digits(r.randint(9, 12))(r)),
    ("a lot of {} pieces, {} kg", lambda r: f"{r.randint(1, 999)},{r.randint(0, 999):03d},{r.randint(0, 999):03d}"),
    ("at {}", lambda r: f"{r.uniform(-90, 90):.6f}, {r.uniform(-180, 180):.6f}"),
    ("pages {} of the report", lambda r: f"{r.randint(1000, 4999)}-{r.randint(5000, 9999)}"),
    ("account {} at the branch", values.wrong_iban),
    ("The form says {}, which is wrong.", lambda r: values.grouped(values.wrong_ssn(r), (3, 2, 4), "-")),
    ("size {} px", lambda r: f"{r.randint(100, 4000)}x{r.randint(100, 4000)}"),
    # what looks like addresses and keys
    ("install it with npm i @acme/{}", lambda r: f"tools@{r.randint(1, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}"),
    ("ask @{} on the chat", lambda r: _plain(r.choice(GIVEN)) + str(r.randint(1, 99))),
    ("the picture logo@{}x.png is blurred", lambda r: str(r.randint(2, 3))),
    ("it ends in std::{}::size", lambda r: r.choice(("vector", "array", "deque"))),
    ("call obj.{}() in main.py first", lambda r: r.choice(("connect", "run", "org", "info"))),
    ("It stopped.{} after that", lambda r: r.choice(("Then", "Nothing", "We", "So"))),
    ("api_key = <{}>", lambda r: r.choice(("YOUR_API_KEY", "insert key here", "API KEY"))),
    ("password: {}", lambda r: r.choice(("********", "see the vault", "changed yesterday", "xxxxxxxx"))),
    ("token = {}", lambda r: r.choice(("get_token()", "os.environ['TOKEN']", "${TOKEN}", "None", "request.headers.get(name)"))),
    ("the sk-{} package", lambda r: r.choice(("learn-contrib-extension-examples", "image-tools-for-python-users"))),
    ("hash {} on the ledger", lambda r: "0x" + values.drawn(r, _HEX, 64)),
    ("key {}", lambda r: "3" + values.drawn(r, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 33)),
    ("colour #{} on #{}", lambda r: values.drawn(r, _HEX, 6)),
    ("Nothing to add. {}", lambda r: r.choice(AROUND)),
)  # fmt: skip

Record = dict[str, object]


def positive(r: Random) -> Record:
    """Return a record with one to three values in it."""
    text, entities = "", []
    parts: list[tuple[str, str, str]] = []
    for _ in range(r.choice((1, 1, 1, 2, 2, 3))):
        chance = r.random()
        if chance < 0.08:
            kind = r.choice(list(NATIONAL))
            parts.append((kind, r.choice(NATIONAL[kind]), values.NATIONAL[kind](r)))
        elif chance < 0.13:
            parts.append(("API_KEY", r.choice(OPAQUE), values.opaque_key(r)))
        else:
            kind = r.choice(list(ENTITIES))
            parts.append((kind, r.choice(SENTENCES[kind]), ENTITIES[kind](r)))
    for kind, sentence, value in parts:
        if r.random() < 0.6:
            text += r.choice(AROUND) + r.choice((" ", "\n"))
        before, _, after = sentence.partition("{}")
        start = len(text) + len(before)
        entities.append({"type": kind, "start": start, "end": start + len(value)})
        text += before + value + after + r.choice((" ", " ", "\n"))
    if r.random() < 0.5:
        text += r.choice(AROUND)
    return {"text": text.rstrip() if r.random() < 0.5 else text, "entities": entities}


def decoy(r: Random) -> Record:
    """Return a record with nothing in it but what looks like something."""
    sentences = []
    for template, make in r.sample(DECOYS, r.choice((1, 1, 2, 3))):
        filled = template
        while "{}" in filled:
            filled = filled.replace("{}", make(r), 1)
        sentences.append(filled)
        if r.random() < 0.4:
            sentences.append(r.choice(AROUND))
    return {"text": r.choice((" ", "\n")).join(sentences), "entities": []}


def records() -> list[Record]:
    """Return the corpus, half of it decoys."""
    r = random.Random(SEED)
    made = [positive(r) for _ in range(RECORDS // 2)] + [decoy(r) for _ in range(RECORDS // 2)]
    r.shuffle(made)
    return made


def write(made: list[Record], path: Path) -> None:
    """Write records, one a line, and print the file's digest."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in made), "utf-8")
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    write(records(), Path(__file__).with_name("corpus") / "first.jsonl")
