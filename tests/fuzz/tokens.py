"""Words that inputs are made of: what the fuzzer puts in instead of finding it letter by letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "zQsecretQz"
"""A made-up secret; longer than any mask leaves readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Keys of objects, and values as JSON text."""

    keys: tuple[str, ...]
    values: tuple[str, ...]


_OPERATORS = (
    "$and $or $eq $ne $lt $lte $gt $gte $in $nin $contains $not_contains $regex $not_regex "
    "$knn $val $abs $exp $log $sub $div $sum $mul $max $min $min_k $max_k $like"
)
_MEMBERS = (
    "ids embeddings documents metadatas uris where where_document limit offset include query_embeddings n_results searches "
    "filter rank group_by select keys aggregate k query key default return_rank left right read_level name metadata "
    "configuration schema get_or_create new_name new_metadata new_configuration hnsw spann embedding_function defaults error "
    "message distances scores indices values tokens #type iss sub aud exp iat nbf email groups realm_access roles azp code "
    "payload_main failure_main profile.email a.b chroma:document #document #id #embedding #score #metadata document uri id "
    "tenant database WHERE IDS"
)
JSON = Words(
    keys=(*_OPERATORS.split(), *_MEMBERS.split(), "", "profile", f"{MARK}", "ß", "K"),
    values=(
        *(json.dumps(word) for word in (*_MEMBERS.split(), MARK, f"{MARK}{MARK}", "text", "")),
        *("null", "true", "false", "0", "-0", "1", "-1", "0.5", "1e2", "1E400", "4294967295", "4294967296", "1e-7"),
        *("9223372036854775807", "9223372036854775808", "1.0", "[]", "{}", "[[]]", "[[1,2]]", '["AACAPw=="]', '[[1],"AA=="]'),
        *('"\\ud83d\\ude00"', '"\\ud800"', '"\\u0000"', '"\\u006bey"', '"a\\u0301\\u200d"'),
        *('{"$knn":{"query":[1,2]}}', '{"$val":1}', '{"a":{"$eq":1}}', '{"$and":[{"a":1}]}', '{"$contains":"x"}'),
        *('{"#type":"sparse_vector","indices":[1],"values":[0.5]}', '{"indices":[1],"values":[1]}', '["vecgate"]'),
        *(f'{{"email":"{MARK}"}}', f'{{"profile":{{"email":"{MARK}"}}}}', f'{{"profile.email":["{MARK}"]}}'),
        *('["documents","metadatas"]', '["embeddings","distances"]', '{"keys":["#document","#score"]}', '{"limit":3}'),
        *('"0953c020-14d8-44fc-af67-7dfb545a9d9a"', '"https://idp.test/main"', "1800000100", "1799999990", "1e999"),
    ),
)
_YAML = (
    "version databases name engine chroma upstream listen tls credential header value file env vault identity issuers "
    "issuer jwks uri audiences roles max_lifetime demo policy bundle entrypoint audit directory origin recording "
    "request identifiers signing_key sealing_key otlp masking keys id control service socket peers store workers "
    "limits body message_timeout match authority enforcement observe upstream_tls ca sni certificate key insecure "
    "metadata namespace 1 0 -1 true yes ~ null 1h 10s 64MiB 1_0 0x10 1:30 !!int !!bool !!str !!null !!float !!binary "
    "!!set !!map !!seq !x &a *a << [] {} [a] {a} - | > '' https://db.test http://127.0.0.1:8000 127.0.0.1:8100 "
    "0.0.0.0:8100 [::1]:8100 localhost:1 ./x"
)
YAML: tuple[bytes, ...] = tuple(_YAML.encode().split())
_PATH = (
    "/api/v2 /tenants/ /databases/ /collections/ /by-id/ /get /query /search /add /upsert /update /delete /count "
    "%7B %2f %2e %25 %00 ../ ?limit=1 &offset=2 urn:uuid: 0953c020-14d8-44fc-af67-7dfb545a9d9a GET POST PUT DELETE HEAD"
)
_FIELDS = "content-type:application/json content-encoding:identity ;charset=utf-8 x-chroma-token: authorization:Bearer"


def dictionary() -> Iterator[str]:
    """Give the lines of libFuzzer's dictionary: every word once, quoted as it wants."""
    words = {*JSON.keys, *JSON.values, *_PATH.split(), *_FIELDS.split(), *(word.decode() for word in YAML)} - {""}
    for word in sorted(words):
        quoted = "".join(
            chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in '"\\' else f"\\x{byte:02x}" for byte in word.encode()
        )
        yield f'"{quoted}"'
