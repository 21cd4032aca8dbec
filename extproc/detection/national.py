"""Numbers by which states know people: social security numbers, and others that have a check digit (python-stdnum). Pure."""

from __future__ import annotations

from types import ModuleType
from typing import Final

from stdnum.au import abn, acn, tfn
from stdnum.br import cnpj, cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, gstin
from stdnum.it import codicefiscale, iva
from stdnum.kr import rrn
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.za import idnr as za_id

from extproc.detection.context import Context
from extproc.detection.cues import NUMBER
from extproc.detection.recogniser import Judge, Recogniser, Verdict
from extproc.detection.things import THINGS

# --- United States ------------------------------------------------------------------------------------------------------

_SSN: Final = r"\b[0-9]{3}(?:-[0-9]{2}-|\.[0-9]{2}\.| [0-9]{2} |[0-9]{2})[0-9]{4}\b"
_NEVER_ISSUED: Final = frozenset({b"000", b"666"})
_SOCIAL: Final = Context(
    ("ssn", "social security card", "social insurance card", "social sec", "social$", "soc sec", "soc. sec", "ss#", "ss #", "ss no", "ss num", "taxpayer id", "tax payer id", "taxpayer", "tax payer", "tax id", "tin$", "employee", "applicant", "payroll", "itin", "national id", "government id", "personal id"),
    (*THINGS, "phone", "tel$", "tel.", "tel:", "telefon", "fax", "insurance"),
    named=True,
)  # fmt: skip


def _ssn(text: bytes, start: int, end: int) -> Verdict | None:
    if text[start - 1 : start] in {b"-", b".", b"_", b"/", b"+"} or text[end : end + 1] in {b"-", b"_", b"/"}:
        return None
    found = text[start:end]
    # A comma before another number is a decimal's, or, behind a number in groups, that of a table.
    if text[end : end + 1] in ({b"."} if found[3:4] in {b"-", b" "} else {b".", b","}) and text[end + 1 : end + 2].isdigit():
        return None
    digits = bytes(byte for byte in found if 48 <= byte <= 57)  # noqa: PLR2004 - 0 to 9
    if (
        digits[:3] in _NEVER_ISSUED
        or digits[:1] == b"9"
        or digits[3:5] == b"00"
        or digits[5:] == b"0000"
        or len(set(digits)) == 1
    ):
        return None
    leaning = _SOCIAL.leaning(text, start, end)
    if leaning > 0:
        return Verdict(start, end, 0.9)
    base = {ord("-"): 0.7, ord(" "): 0.55, ord("."): 0.5}.get(found[3], 0.2)
    return Verdict(start, end, base - 0.4 if leaning < 0 else base)


# --- with a check digit -------------------------------------------------------------------------------------------------


def _checked(validator: ModuleType, context: Context, alone: float) -> Judge:
    """Judge by a validator of `stdnum`. `alone` is the score of a number without its words; with them it is sure."""

    def judge(text: bytes, start: int, end: int) -> Verdict | None:
        if text[start - 1 : start] in {b"-", b".", b"+", b"_"} or text[end : end + 1] in {b"-", b"_"}:
            return None
        if not validator.is_valid(text[start:end].decode().replace(".", "")):
            return None
        score = 0.9 if context.leaning(text, start, end) > 0 else alone
        return Verdict(start, end, score) if score else None

    return judge


_CODE: Final = "[0-9A-Za-z]{15}"
_THREES: Final = r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}\b"
_ELEVEN: Final = r"\b[0-9]{11}\b"
_ALONE: Final[tuple[tuple[str, str, str, ModuleType, float, tuple[str, ...]], ...]] = (
    ("ES_NIF", NUMBER, r"\b[0-9]{2}\.?[0-9]{3}\.?[0-9]{3}-?[A-Za-z]\b", dni, 0.6, ("nif$", "dni$", "documento", "identidad", "identificación")),
    ("ES_NIE", NUMBER, r"\b[XYZxyz][-.]?[0-9]\.?[0-9]{3}\.?[0-9]{3}-?[A-Za-z]\b", nie, 0.6, ("nie$", "extranjero", "identidad")),
    ("IT_FISCAL_CODE", _CODE, r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b", codicefiscale, 0.9, ("codice", "cf$")),
    ("IN_GSTIN", _CODE, r"\b[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]{3}\b", gstin, 0.9, ("gst",)),
    ("FI_PERSONAL_IDENTITY_CODE", "[0-9]{6}[-+A-FU-Y][0-9]{3}", r"\b[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-Y]\b", hetu, 0.85, ("hetu",)),
    ("SE_PERSONNUMMER", "[0-9]{6}[-+A-FU-Y][0-9]{3}", r"\b(?:[0-9]{2})?[0-9]{2}[01][0-9][0-9]{2}[-+][0-9]{4}\b", personnummer, 0.6, ("personn",)),
    ("KR_RRN", "[0-9]{6}[-+A-FU-Y][0-9]{3}", r"\b[0-9]{6}-[0-9]{7}\b", rrn, 0.6, ("주민", "rrn$", "resident registration")),
    ("FR_NIR", NUMBER, r"\b[12] ?[0-9]{2} ?[01][0-9] ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b", nir, 0.8, ("sécurité sociale", "nir$", "insee")),
    ("BR_CNPJ", "/[0-9]{4}-", r"\b[0-9]{2}\.[0-9]{3}\.[0-9]{3}/[0-9]{4}-[0-9]{2}\b", cnpj, 0.9, ("cnpj",)),
    ("CH_AHV", r"756\.[0-9]{4}\.", r"\b756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}\b", ahv, 0.8, ("ahv", "avs$", "sozialversicherung")),
)  # fmt: skip
"""Those whose form and check digit tell enough: entity, cue, pattern, validator, score without words, words."""

_WORDED: Final[tuple[tuple[str, str, ModuleType, tuple[str, ...]], ...]] = (
    ("UK_NHS", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b", nhs, ("nhs", "national health", "patient")),
    ("IT_VAT_CODE", r"\b(?:IT)?[0-9]{11}\b", iva, ("partita iva", "p.iva", "p. iva", "piva", "vat")),
    ("SE_PERSONNUMMER", r"\b(?:19|20)?[0-9]{2}[01][0-9][0-3][0-9][0-9]{4}\b", personnummer, ("personn", "samordning", "pnr$", "person nr")),
    ("PL_PESEL", _ELEVEN, pesel, ("pesel",)),
    ("CA_SIN", _THREES, sin, ("sin$", "social insurance", "assurance sociale", "nas$")),
    ("AU_TFN", _THREES, tfn, ("tfn", "tax file")),
    ("AU_ABN", r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", abn, ("abn$", "australian business")),
    ("AU_ACN", r"\b[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", acn, ("acn$", "australian company")),
    ("IN_AADHAAR", r"\b[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}\b", aadhaar, ("aadhaar", "aadhar", "uidai", "आधार")),
    ("TH_TNIN", r"\b[0-9](?:[- ]?[0-9]){12}\b", pin, ("thai", "บัตรประชาชน", "ประจำตัว")),
    ("DE_TAX_ID", r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", idnr, ("steuer", "idnr", "tax id", "tin$")),
    ("TR_NATIONAL_ID", _ELEVEN, tckimlik, ("kimlik", "tckn", "tc no", "t.c.")),
    ("ZA_ID_NUMBER", r"\b[0-9]{13}\b", za_id, ("id number", "identity number", "south africa", "id no")),
    ("BR_CPF", r"\b[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}\b", cpf, ("cpf",)),
    ("NL_BSN", r"\b[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}\b", bsn, ("bsn$", "burgerservice", "sofi")),
)  # fmt: skip
"""Those of which too many numbers have the form, so that they are told only beside their words."""

RECOGNISERS: Final = (
    Recogniser(entity="US_SSN", cue=NUMBER, pattern=_SSN, judge=_ssn),
    *(
        Recogniser(entity=entity, cue=cue, pattern=pattern, judge=_checked(validator, Context(words), alone))
        for entity, cue, pattern, validator, alone, words in _ALONE
    ),
    *(
        Recogniser(entity=entity, cue=Context(words).pattern, pattern=pattern, judge=_checked(validator, Context(words), 0))
        for entity, pattern, validator, words in _WORDED
    ),
)
