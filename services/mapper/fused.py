"""Runs what is left to libjq of some entries as one program, on no more of the document than it reads."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import orjson

from services.mapper.entry_texts import ALL, UNWANTED, EntryTexts
from services.mapper.native_form import follow
from services.mapper.native_values import RaisedError, is_exact
from services.mapper.plan_shape import QUERY
from shared.jq_engine import Engine, ExpressionError, Json, Program, enclose
from shared.jq_reads import reads_of, replaced
from shared.jq_text import Path

_WANTED: Final = "$__pagerport_wanted"
_VALUES: Final = "$__pagerport_values"
_SELECTED: Final = "$__pagerport_selected"
_DOCUMENT: Final[Path] = ()


class InexactError(Exception):
    """libjq must read the object's own JSON: written anew it would see other numbers."""


class JsonText:
    """A parsed document and its JSON, which is written when it is needed.

    Args:
        document: The document.
        text: The JSON it was parsed from, or what gives it; None: it was made here, of an object and an item.
    """

    def __init__(self, document: Json, text: str | Callable[[], str] | None = None) -> None:
        self.document = document
        self._text = text

    def text(self) -> str:
        """Return the JSON.

        Raises:
            InexactError: It cannot be written as it was.
        """
        if self._text is None:
            if not is_exact(self.document):
                raise InexactError
            self._text = json_text(self.document)
        elif not isinstance(self._text, str):
            self._text = self._text()
        return self._text


class FusedProgram:
    """The expressions of some entries that are left to libjq.

    There are two programs: one is given a list of what the expressions read of the document, the other the
    document itself, for documents on which the first would not do the same.

    Args:
        entries: The entries.
        engine: Compiles them.
        small: Whether to make the first one.
    """

    def __init__(self, entries: Sequence[EntryTexts], engine: Engine, *, small: bool = True) -> None:
        self._engine = engine
        paths: dict[Path, int] = {}
        self._small = _Lazy(_source(entries, lambda text: _on_values(text, paths))) if small else None
        self._whole = _Lazy(_source(entries, _on_document))
        self._getters = [(path == _DOCUMENT, follow(path)) for path in paths]

    def prepare(self) -> None:
        """Compile what most objects need."""
        (self._small or self._whole).compiled(self._engine)

    def run(self, wanted: Sequence[int], source: JsonText) -> list[Json] | None:
        """Return `[keys, rest]` per entry, null where nothing was wanted; None: each must be run alone.

        Args:
            wanted: What is wanted of each entry.
            source: The document.

        Raises:
            InexactError: As `JsonText.text`.
        """
        values = None if self._small is None else self._values(source)
        if self._small is not None and values is not None:
            return _first(self._small.compiled(self._engine), f"[{list(wanted)},{values}]")
        return _first(self._whole.compiled(self._engine), f"[{list(wanted)},[{source.text()}]]")

    def _values(self, source: JsonText) -> str | None:
        """Return what is read of the document, as JSON; None: jq would raise, or see other numbers."""
        values: list[Json] = []
        for is_document, get in self._getters:
            if is_document:
                values.append(orjson.Fragment(source.text()))
                continue
            try:
                value = get(source.document)
            except RaisedError:
                return None
            if type(value) is not str and not is_exact(value):
                return None
            values.append(value)
        try:
            return orjson.dumps(values).decode()
        except TypeError:
            return None


class _Lazy:
    """A program that is compiled when it is first needed; None, when it is too large for that."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._program: Program | None = None
        self._is_compiled = False

    def compiled(self, engine: Engine) -> Program | None:
        if not self._is_compiled:
            # Each of its expressions compiles alone.
            with suppress(ExpressionError):
                self._program = engine.compile_source(self._source)
            self._is_compiled = True
        return self._program


def _source(entries: Sequence[EntryTexts], text_of: Callable[[str], str]) -> str:
    made = ",".join(_entry_source(number, entry, text_of) for number, entry in enumerate(entries))
    return f". as [{_WANTED}, {_VALUES}] | {_VALUES} | [{made}]"


def _on_values(text: str, paths: dict[Path, int]) -> str:
    """Return an expression that takes what it reads from a list; `paths` says where, and grows."""
    reads = reads_of(text)
    if reads is None:
        return f"{_place(_DOCUMENT, paths)} | {enclose(text)}"
    return replaced(text, reads, {read.path: _place(read.path, paths) for read in reads})


def _place(path: Path, paths: dict[Path, int]) -> str:
    return f".[{paths.setdefault(path, len(paths))}]"


def _on_document(text: str) -> str:
    return f".[0] | {enclose(text)}"


def _entry_source(number: int, entry: EntryTexts, text_of: Callable[[str], str]) -> str:
    """Return the program of an entry: a pair of lists, the second one null when only keys are wanted."""
    keys = [_SELECTED if n == QUERY else caught(text_of(entry.texts[n])) for n in entry.fused_keys]
    rest = [caught(text_of(entry.texts[n])) for n in entry.fused_rest]
    wanted = f"{_WANTED}[{number}]"
    if QUERY in entry.fused_keys:
        before = f"{caught(text_of(entry.texts[QUERY]))} as {_SELECTED} | "
        condition = f"{_SELECTED} == [true]"
    else:
        before, condition = "", f"{wanted} == {ALL}"
    pair = f"{before}[[{','.join(keys)}], (if {condition} then [{','.join(rest)}] else null end)]"
    return f"(if {wanted} == {UNWANTED} then null else {pair} end)"


def caught(text: str) -> str:
    """Return a program that gives an expression's result as a value."""
    return f"(try [first({enclose(text)})] catch {{e: .}})"


def json_text(value: Json) -> str:
    """Write a value as JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Nested more deeply than orjson writes.
        return json.dumps(value)


def _first(program: Program | None, document_json: str) -> list[Json] | None:
    if program is None:
        return None
    try:
        given = program.first(document_json)
    except ExpressionError:
        return None
    # `break` out of the program ends it without output.
    return given[0] if given else None
