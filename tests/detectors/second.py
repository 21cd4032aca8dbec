"""The second half of the labelled corpus, made apart: what machines write, chats and forms. ``PYTHONPATH=tests python -m detectors.second``.

Other sentences, other formats, other decoys than the first half. It was frozen together with the first and is for scoring, not
for tuning.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path
from random import Random

from detectors import values
from detectors.first import Record, write

SEED = 77003
RECORDS = 2000

USERS = (
    "mlopez",
    "k.nowak",
    "sara-lind",
    "j_doe77",
    "a.b.c",
    "support",
    "noreply+7f3",
    "WANG.LI",
    "d'arcy",
    "x",
    "первый",
    "büro",
)
DOMAINS = (
    "example.com",
    "mx1.example.net",
    "univ-lille.fr",
    "firma.com.pl",
    "city.gov.uk",
    "data.ai",
    "sub.dept.company.co.jp",
    "тест.рф",
    "ex-ample.travel",
    "gmx.at",
)
FORMATS = ("+1%##%######", "1 (%##) %##-####", "(%##)%##-####", "%##%######", "+1.%##.%##.####", "+44(0)20-7###-####", "(0161) 496 ####", "01632 960###",
           "0044 20 7946 0###", "+49-40-#######", "0049 171 #######", "040/#######", "+33 (0)6 1# ## ## ##", "0033 6 1# ## ## ##", "+34-91-4##-##-##",
           "+39 347 #######", "+351 912 ### ###", "+420 60# ### ###", "+36 30 ### ####", "+30 210 ### ####", "+45 20 ## ## ##", "+47 912 ## ###",
           "+358 40 ### ####", "+7 (912) ###-##-##", "8 (912) ###-##-##", "+90 532 ### ## ##", "+966 50 ### ####", "+27 82 ### ####", "+234 803 ### ####",
           "+52 55 #### ####", "+54 9 11 ####-####", "+56 9 #### ####", "+82 10-####-####", "010-####-####", "+65 9### ####", "+63 917 ### ####",
           "+62 812-####-####", "+84 90 ### ## ##", "+64 21 ### ####", "+971 50 ### ####")  # fmt: skip

VALUES: dict[str, Callable[[Random], str]] = {
    "EMAIL_ADDRESS": lambda r: f"{r.choice(USERS)}@{r.choice(DOMAINS)}",
    "PHONE_NUMBER": lambda r: values.masked(r, r.choice(FORMATS)),
    "CREDIT_CARD": lambda r: values.card_written(r, values.card(r, rare=r.random() < 0.3)),
    "US_SSN": lambda r: values.grouped(values.ssn(r), (3, 2, 4), "-"),
    "IBAN_CODE": lambda r: r.choice((lambda v: v, lambda v: values.grouped(v, (4,), " "), lambda v: values.grouped(v, (4,), "-")))(values.iban(r)),
    "IP_ADDRESS": lambda r: r.choice((values.ipv4(r), values.ipv6(r), "::1", f"::ffff:{values.ipv4(r)}", f"fe80::{r.randint(1, 0xFFFF):x}")),
    "URL": lambda r: f"{r.choice(('https', 'http', 'https', 'HTTPS', 'ws', 'ftp'))}://{r.choice(DOMAINS[:7])}{r.choice(('', ':8080'))}/{values.drawn(r, string.ascii_lowercase + '/-_.', r.randint(0, 20)).strip('./-_')}{r.choice(('', '?id=7&v=a%20b', '#part-2'))}",
    "MAC_ADDRESS": values.mac,
    "CRYPTO": values.crypto,
    "API_KEY": values.api_key,
}  # fmt: skip

FRAMES = {
    "EMAIL_ADDRESS": ('{{"user": "{}", "ok": true}}', "auth: login failed for {}", "{};active;2", "Kullanıcı: {}", "mailto:{}", "User: what about {}?\nBot: not found", "E-post: {}", "邮箱：{}", "to=<{}>, relay=mx1", "'{}'"),
    "PHONE_NUMBER": ('{{"phone": "{}", "ok": true}}', "User: my cell is {}\nBot: thanks", "tel:{}", "Telefone: {}", "手机 {}", "sms to {} delivered", "Tlf. {}", "contact number = {}", "GSM: {}", "Puhelin {}", "name;mobile\nMoe;{}", "Caller {} waited 3 min", "☎ {}", "Hotline {}", "<td>Phone</td><td>{}</td>"),
    "CREDIT_CARD": ('{{"pan": "{}"}}', "card={} amount=12.00", "User: it is {}\nBot: which month?", "Tarjeta de crédito: {}", "POST /pay number={}", "kart no {}", "卡号 {}", "MasterCard/Visa {} approved"),
    "US_SSN": ('{{"ssn": "{}"}}', "ssn={} dob=1971", "SSN/TIN: {}", "User: {} is my social security\nBot: ok", "employee;ssn\nMoe;{}", "taxpayer id {}", "Soc Sec No {}"),
    "IBAN_CODE": ('{{"iban": "{}"}}', "beneficiary_iban={}", "konto: {}", "IBAN {} BIC ABCDEFGH", "Rekening {}", "iban;amount\n{};12.50", "Bankverbindung {}", "debit {} credit"),
    "IP_ADDRESS": ("sshd: Failed password from {} port 22", '{{"client_ip": "{}"}}', "peer {} up", "src={} dst=- proto=tcp", "listening on {}", "ACCEPT IN=eth0 SRC={}", "nameserver {}", "host {} unreachable"),
    "URL": ('{{"href": "{}"}}', "GET {} 200", "<{}>", "[docs]({})", "redirect to {}", "Zobacz {}", "siehe: {}", 'src="{}"'),
    "MAC_ADDRESS": ("dhcpd: DHCPACK to {}", '{{"mac": "{}"}}', "ether {} txqueuelen 1000", "wlan0: station {} left", "BSSID={}"),
    "CRYPTO": ('{{"address": "{}"}}', "payout {} pending", "donate: {}", "tx to {} confirmed", "wallet;coins\n{};2"),
    "API_KEY": ('{{"token": "{}"}}', "curl -H 'Authorization: Bearer {}'", "KEY={}", "-H 'X-Token: {}'", "key: '{}'", "git clone failed for {}", "secret {} rotated", "const k = `{}`;"),
}  # fmt: skip
OPAQUE = (
    '{{"api_key": "{}"}}',
    "API_TOKEN={}",
    "auth_token: {}",
    "--secret={}",
    "clientSecret='{}'",
    "private_key_id: {}",
    "password={}",
)
NATIONAL = {
    "UK_NHS": ('{{"nhs_number": "{}"}}',), "ES_NIF": ("dni={}",), "PL_PESEL": ('{{"pesel": "{}"}}',), "CA_SIN": ("sin: {}",), "AU_TFN": ("tfn={}",),
    "IN_AADHAAR": ("aadhaar no {}",), "SE_PERSONNUMMER": ("personnr {}",),
}  # fmt: skip

NOISE = ("INFO ready", "DEBUG cache miss", "ok", "---", "retry 3 of 5", "level=warn", "User: hello\nBot: hello, how can I help?", "Jag väntar på svar.",
         "Dziękuję!", "¿Algo más?", "了解しました", "{}", "exit status 1", "took 12.5 ms", "Привет", "see you tomorrow :)")  # fmt: skip

_HEX = "0123456789abcdef"


def _filled(*masks: str) -> Callable[[Random], str]:
    return lambda r: values.masked(r, r.choice(masks))


def _hex(*lengths: int) -> Callable[[Random], str]:
    return lambda r: values.drawn(r, _HEX, r.choice(lengths))


DECOYS: tuple[tuple[str, Callable[[Random], str]], ...] = (
    ("order_id={}", _filled("########", "##########", "A-######-##", "####-######", "7##############")),
    ('{{"order": "{}", "state": "open"}}', _filled("#########", "WEB-##########", "###-####-####")),
    ("PO {} approved", _filled("45########", "PO-##-####-###")),
    ("Sendungsnummer {}", _filled("00340###############", "############", "RR#########DE")),
    ("zamówienie nr {}", _filled("######/####", "##########")),
    ("pkg-{}.tar.gz", lambda r: f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 9)}.{r.randint(0, 300)}"),
    ("curl/8.{}", lambda r: f"{r.randint(0, 9)}.{r.randint(0, 9)}"),
    ("Mozilla/5.0 (X11) Gecko/20100101 Firefox/{}", lambda r: f"{r.randint(90, 140)}.0"),
    ('"build": "{}"', lambda r: f"{r.randint(1, 12)}.{r.randint(0, 9)}.{r.randint(0, 9)}.{r.randint(1000, 9999)}"),
    ("release {} notes", lambda r: f"{r.randint(1, 12)}.{r.randint(0, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}"),
    ("upgrade libfoo {} -> 2", lambda r: f"1.{r.randint(0, 9)}.{r.randint(0, 9)}+dfsg-{r.randint(1, 9)}"),
    ("[{}] INFO started", lambda r: f"20{r.randint(10, 29)}/{r.randint(1, 12):02d}/{r.randint(1, 28):02d} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}.{r.randint(0, 999):03d}"),
    ('{{"ts": {}}}', _filled("17########", "17###########", "17###########.##")),
    ("Date: Tue, 04 Mar 20{} +0100", lambda r: f"{r.randint(10, 29)} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}"),
    ("elapsed {}", lambda r: f"{r.randint(0, 99):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}:{r.randint(0, 99):02d}"),
    ("created {}", lambda r: f"{r.randint(1, 28):02d}-{r.randint(1, 12):02d}-20{r.randint(10, 29)}"),
    ("week 20{}", lambda r: f"{r.randint(10, 29)}-W{r.randint(1, 52):02d}-{r.randint(1, 7)}"),
    ("HEAD is now at {}", _hex(7, 8, 12, 40)),
    ('etag: "{}"', _hex(32, 40)),
    ("layer sha256:{} pulled", _hex(64)),
    ("trace_id={} span_id=ab12", _hex(16, 32)),
    ("X-Request-Id: {}", lambda r: values.grouped(values.drawn(r, _HEX, 32), (8, 4, 4, 4, 12), "-")),
    ("SHA1 Fingerprint={}", lambda r: values.grouped(values.drawn(r, _HEX, 40).upper(), (2,), ":")),
    ("integrity=sha384-{}", lambda r: values.drawn(r, string.ascii_letters + string.digits + "+/", 64)),
    ("0000{}  | hexdump", lambda r: values.grouped(values.drawn(r, _HEX, 36), (4, 2), " ")),
    ("mpn;qty\n{};4", _filled("LM####-##", "##-###-####-#", "@@@####@@", "######-####-##", "####.##.###")),
    ("ean={}", _filled("40###########", "50###########")),
    ("Teil {} fehlt", _filled("### ### ## ##", "@ ### ### ## ##", "###-###-###")),
    ("VIN {}", lambda r: values.drawn(r, "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 17)),
    ("doi:10.{}", lambda r: f"{r.randint(1000, 9999)}/{values.masked(r, 's####-###-####-#')}"),
    ("value={}", lambda r: str(r.randint(10**5, 10**18))),
    ("{} {} {}", lambda r: str(r.randint(1, 10**6))),
    ("lat={}", lambda r: f"{r.uniform(-90, 90):.7f} lon={r.uniform(-180, 180):.7f}"),
    ("free memory {} kB", _filled("########", "#########")),
    ("checksum {}", values.wrong_card),
    ("bank ref {}", values.wrong_iban),
    ("test pattern {}", lambda r: values.grouped(values.wrong_ssn(r), (3, 2, 4), "-")),
    ("zip {}", _filled("#####-####")),
    ("Aktenzeichen {}", _filled("## @ ####/##", "### Js #####/##")),
    ("user@{} is not resolved", lambda r: r.choice(("localhost", "host", "db-1"))),
    ("decorators: @{}.route", lambda r: r.choice(("app", "api", "bp"))),
    ("a @ b = {}", lambda r: str(r.randint(1, 99))),
    ("import {}", lambda r: r.choice(("os.path", "numpy.linalg", "java.util.List", "System.IO", "com.example.tools"))),
    ("open {}", lambda r: r.choice(("README.md", "run.sh", "main.rs", "index.ts", "data.json", "lib.so", "a.zip"))),
    ("namespace a::b::{}", lambda r: r.choice(("c", "Add", "face", "dead"))),
    ("ratio 16:9:{}", lambda r: str(r.randint(1, 9))),
    ("api_key={}", lambda r: r.choice(("None", "changeme", "...", "xxxx", "{{ key }}", "$(cat key)"))),
    ("passwd: {}", lambda r: r.choice(("files sisss", "updated successfully", "x", "********"))),
    ("secretary: {}", lambda r: r.choice(("Dolores Umbra", "vacant", "Hr. Meier"))),
    ("eyJ{} is only the start", lambda r: values.drawn(r, string.ascii_letters, 5)),
    ("ghp_{}", lambda r: values.drawn(r, string.ascii_letters, 8)),
    ("1{} is no wallet", lambda r: values.drawn(r, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 32)),
    ("block 0x{}", _hex(64, 16)),
    ("{}", lambda r: r.choice(NOISE)),
)  # fmt: skip


def _fill(frame: str, value: str) -> tuple[str, int]:
    """Return the frame with the value in it, and where that begins; doubled braces are braces."""
    before, _, after = frame.partition("{}") if "{{" not in frame else _parted(frame)
    before, after = before.replace("{{", "{").replace("}}", "}"), after.replace("{{", "{").replace("}}", "}")
    return before + value + after, len(before)


def _parted(frame: str) -> tuple[str, str, str]:
    hidden = frame.replace("{{", "\0\0").replace("}}", "\1\1")
    before, mark, after = hidden.partition("{}")
    return before.replace("\0\0", "{{"), mark, after.replace("\1\1", "}}")


def positive(r: Random) -> Record:
    """Return a record with one to four values in it."""
    text, entities = "", []
    for _ in range(r.choice((1, 1, 2, 3, 4))):
        chance = r.random()
        if chance < 0.06:
            kind = r.choice(list(NATIONAL))
            frame, value = r.choice(NATIONAL[kind]), values.NATIONAL[kind](r)
        elif chance < 0.12:
            kind, frame, value = "API_KEY", r.choice(OPAQUE), values.opaque_key(r)
        else:
            kind = r.choice(list(VALUES))
            frame, value = r.choice(FRAMES[kind]), VALUES[kind](r)
            if frame == "mailto:{}" or "\n" in value:
                frame = "{}" if "\n" in value else "mail {}"
        filled, start = _fill(frame, value)
        if r.random() < 0.4:
            text += r.choice(NOISE) + "\n"
        entities.append({"type": kind, "start": len(text) + start, "end": len(text) + start + len(value)})
        text += filled + r.choice(("\n", "\n", " ", " | "))
    return {"text": text.rstrip(" |"), "entities": entities}


def decoy(r: Random) -> Record:
    """Return a record with nothing in it but what looks like something."""
    lines = []
    for frame, make in r.sample(DECOYS, r.choice((1, 2, 3, 4))):
        filled = frame
        if "{{" in frame:
            filled = _fill(frame, make(r))[0]
        else:
            while "{}" in filled:
                filled = filled.replace("{}", make(r).replace("{}", "-"), 1)
        lines.append(filled)
        if r.random() < 0.3:
            lines.append(r.choice(NOISE))
    return {"text": r.choice(("\n", "\n", " ")).join(lines), "entities": []}


def records() -> list[Record]:
    """Return the corpus, half of it decoys."""
    r = random.Random(SEED)
    made = [positive(r) for _ in range(RECORDS // 2)] + [decoy(r) for _ in range(RECORDS // 2)]
    r.shuffle(made)
    return made


if __name__ == "__main__":
    write(records(), Path(__file__).with_name("corpus") / "second.jsonl")
