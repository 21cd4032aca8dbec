"""A compiled policy and its evaluation: the only module that imports the Rego library.

The plan goes through `plan.prepare` between compilation and use. Strict errors are on: a builtin that fails ends the whole
evaluation, also below ``not``, instead of becoming undefined. A `Program` is not to be used by two threads at a time. Input
is always given as a JSON text, because the library's own input objects neither escape strings nor keep numbers exact.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec
import regopy

from extproc.engines.bundle import Bundle
from extproc.engines.escapes import unveil_json, veil_json, veil_value
from extproc.engines.plan import FOLDER_MARK, prepare
from extproc.errors import ConfigError, EngineError

_ERROR_PLACE: Final = re.compile(r"\(error \d+:([^|]+)\|(\d+)\|")
_ERROR_TEXT: Final = re.compile(r"\(errormsg \d+:([^)\n]*)\)")
_CONFLICT: Final = re.compile(r"\(errormsg \d+:(?:.* must not produce multiple outputs|object keys must be unique)")
_TOKEN: Final = re.compile(r"""\#[^\n]*|`[^`]*`|"(?:[^"\\\n]|\\.)*"|[:=!<>]=|(?P<unifies>=)""")
"""A comment, a string, a comparison or assignment, or a bare ``=``."""
_UNDEFINED: Final = "undefined"


class _Results(msgspec.Struct, frozen=True):
    expressions: tuple[msgspec.Raw, ...] = ()


_RESULTS: Final = msgspec.json.Decoder(_Results)


class Program:
    """A policy, compiled for one or more entry points."""

    def __init__(self, interpreter: Any, compiled: Any) -> None:
        self._interpreter = interpreter
        self._compiled = compiled

    @classmethod
    def compile(cls, bundle: Bundle, entrypoints: tuple[str, ...]) -> Program:
        """Compile `bundle`. Raises `ConfigError` for what does not compile or may not run in process."""
        for name, text in bundle.modules.items():
            _require_no_unification(name, text)
        source = _interpreter()
        try:
            data = json.dumps(veil_value(bundle.data), ensure_ascii=False)
        except ValueError as error:
            raise ConfigError("the policy's data holds a private-use character; take it out") from error
        try:
            source.add_data_json(data)
            for name, text in bundle.modules.items():
                source.add_module(name.replace("/", FOLDER_MARK), text)
            compiled = source.build(None, entrypoints)
        except (regopy.RegoError, ValueError) as error:
            raise ConfigError(_compile_error(str(error), bundle)) from error
        if not compiled.ok():
            raise ConfigError("the policy does not compile; `opa check` says where")
        with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as folder:
            return cls._prepared(Path(folder), source, compiled)

    @classmethod
    def _prepared(cls, folder: Path, source: Any, compiled: Any) -> Program:
        path = folder / "plan.json"
        try:
            source.save_bundle(str(folder), compiled)
            plan = json.loads(path.read_bytes())
        except (regopy.RegoError, ValueError, OSError) as error:
            raise ConfigError("the policy does not compile; `opa check` says where") from error
        _require_entrypoints(plan)
        prepare(plan)
        path.write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
        interpreter = _interpreter()
        try:
            loaded = interpreter.load_bundle(str(folder))
        except regopy.RegoError as error:
            raise ConfigError("the compiled policy cannot be loaded; `opa check` may say why") from error
        if not loaded.ok():
            raise ConfigError("the compiled policy cannot be loaded; `opa check` may say why")
        return cls(interpreter, loaded)

    def evaluate(self, document: bytes, entrypoint: str) -> bytes:
        """Return the JSON that `entrypoint` gives for `document`, an input as `msgspec` writes it. Raises `EngineError`."""
        try:
            self._interpreter.set_input_term(veil_json(document).decode())
        except (regopy.RegoError, ValueError) as error:
            raise EngineError("the policy input holds what the engine cannot represent", code="policy_input_invalid") from error
        try:
            output = self._interpreter.query_bundle_entrypoint(self._compiled, entrypoint)
            if not output.ok():
                errors = output.node()
                raise _failure("".join(errors.at(index).json() for index in range(len(errors))))
            text = str(output)
            results = _Results() if text == _UNDEFINED else _RESULTS.decode(text)
        except (regopy.RegoError, ValueError) as error:
            raise _failure("") from error
        match results.expressions:
            case ():
                raise EngineError("the policy gives no decision", code="policy_undefined")
            case (value,):
                return unveil_json(bytes(value))
            case _:
                raise _several()


def _interpreter() -> Any:
    interpreter = regopy.Interpreter()
    interpreter.log_level = regopy.LogLevel.NONE
    interpreter.strict_built_in_errors = True
    return interpreter


def _require_no_unification(name: str, text: str) -> None:
    """Refuse ``=``: where a name has a value already, or is a rule's, the library gives it another one and compares nothing."""
    for token in _TOKEN.finditer(text):
        if token["unifies"]:
            line = text.count("\n", 0, token.start()) + 1
            raise ConfigError(f"{name}:{line}: `=` is not proven for the embedded engine: write `:=` or `==`")


def _require_entrypoints(plan: dict[str, Any]) -> None:
    """Refuse an entry point that no rule stands behind: its plan calls no function."""
    functions = {function["name"] for function in plan["funcs"]["funcs"]}
    for each in plan["plans"]["plans"]:
        if f"g0.data.{each['name'].replace('/', '.')}" not in functions:
            rule = each["name"].replace("/", ".")
            raise ConfigError(f"the policy has no rule data.{rule}; add it, or correct policy.entrypoint")


def _failure(text: str) -> EngineError:
    """Return what a failed evaluation means. The library's text may quote the input, so it goes no further."""
    return _several() if _CONFLICT.search(text) else EngineError("the policy failed", code="policy_error")


def _several() -> EngineError:
    return EngineError("the policy gives several decisions", code="policy_ambiguous")


def _compile_error(text: str, bundle: Bundle) -> str:
    """Return one line from the library's description of a tree of errors."""
    message = _ERROR_TEXT.search(text)
    what = message[1] if message else "it does not compile"
    place = _ERROR_PLACE.search(text)
    name = place[1].replace(FOLDER_MARK, "/") if place else ""
    if place is None or name not in bundle.modules:
        return f"the policy: {what}; `opa check` says more"
    line = bundle.modules[name].encode()[: int(place[2])].count(b"\n") + 1
    return f"{name}:{line}: {what}; `opa check` says more; the embedded engine takes a little less of Rego"
