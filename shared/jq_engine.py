"""Compiles and runs JQ expressions behind one small interface, so that the engine can be another."""

import re
from functools import lru_cache
from typing import Any, Final, Protocol

import jq
import orjson

from shared.jq_folding import unfolded
from shared.jq_parser import parse
from shared.lenient_json import json_bytes, read_leniently

Json = Any
"""Foreign JSON: whatever an expression gives."""

RESULT_LIMIT_CHARS: Final = 16 * 1024 * 1024
"""A result that is larger can be no part of an entity, and would be held in memory many times over."""

_PLACE: Final = re.compile(r" at <[^>]*>, line (\d+), column (\d+):")
_QUOTED_OR_COMMENT: Final = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*|\'([^\']*)\'', re.DOTALL)
_BARE_QUOTE: Final = re.compile(r'(?<!\\)((?:\\\\)*)"')


class ExpressionError(ValueError):
    """An expression does not compile, or raised on a document.

    Attributes:
        message: What is wrong, one line.
        line: Line in the expression's text, from 1; None where the engine does not say.
        column: Column in that line, from 1.
        value: What the expression raised, as the engine gives it; empty when it does not compile.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Program(Protocol):
    """One compiled expression."""

    def first(self, document_json: str) -> list[Json]:
        """Run over a document up to the first output.

        Args:
            document_json: JSON text of one document.

        Returns:
            The first output in a list of one, or an empty list when there is none.

        Raises:
            ExpressionError: The expression raised, or the document is no JSON.
        """


class Engine(Protocol):
    """A JQ implementation."""

    @property
    def is_libjq(self) -> bool:
        """Whether it is the one that native forms are proven to be equal to."""

    def compile(self, text: str) -> Program:
        """Compile an expression as the user wrote it.

        Raises:
            ExpressionError: It does not compile.
        """

    def compile_source(self, source: str) -> Program:
        """Compile a whole program as it is.

        Raises:
            ExpressionError: It does not compile.
        """


class LibjqEngine:
    """The `jq` package: libjq 1.8, in this process. `env` reads the environment: run where that is empty."""

    is_libjq: Final = True

    def compile(self, text: str) -> "LibjqProgram":
        """Compile an expression; single-quoted strings are read as the peer reads them.

        Raises:
            ExpressionError: It does not compile, neither as it is nor with its single quotes made double.
        """
        return self.compile_source(enclose(runnable_text(text)))

    def compile_source(self, source: str) -> "LibjqProgram":
        """Compile a whole program as it is.

        Raises:
            ExpressionError: It does not compile.
        """
        try:
            # As text, numbers stay as they were written: the package makes a double of each.
            return LibjqProgram(jq.compile(f"first(\n{source}\n) | tojson"))
        except ValueError as error:
            raise _compile_error(str(error)) from None


class LibjqProgram:
    """A program of libjq whose output is the JSON text of what the expression gives."""

    def __init__(self, program: Any) -> None:  # noqa: ANN401 - the package has no types
        self._program = program

    def first(self, document_json: str) -> list[Json]:
        """Run over a document up to the first output; see `Program`."""
        try:
            text: str = self._program.input_text(document_json).first()
        except StopIteration:
            return []
        except ValueError as error:
            raise ExpressionError(one_line(str(error))) from None
        if len(text) > RESULT_LIMIT_CHARS:
            says = f"it gives {len(text)} characters of JSON; no more than {RESULT_LIMIT_CHARS} are taken"
            raise ExpressionError(says)
        try:
            return [orjson.loads(text)]
        except ValueError:
            return [_loaded(text)]


def _loaded(text: str) -> Json:
    """Read what libjq wrote and a strict parser refuses: a number out of range.

    Raises:
        ExpressionError: It is nested too deeply.
    """
    try:
        return orjson.loads(json_bytes(read_leniently(text)))
    except ValueError as error:
        raise ExpressionError(f"what it gives cannot be read: {one_line(str(error))}") from None


def enclose(text: str) -> str:
    """Wrap an expression so that it can only be an expression: `import` and `include` read files.

    The newlines keep a comment at its end from swallowing the parenthesis.
    """
    return f"(\n{text}\n)"


@lru_cache(maxsize=4096)
def runnable_text(text: str) -> str:
    """Return the expression as it compiles: itself, or with its `'abc'` strings made `"abc"`.

    The peer replaces single quotes at token edges before it compiles, so mappings with them are about; a text
    that compiles as it is stays untouched, but for constants that libjq would compute first (`unfolded`).

    Raises:
        ExpressionError: Neither compiles; it speaks of the text as it is.
    """
    if "\x00" in text:
        raise ExpressionError("a NUL character, at which libjq stops reading")
    try:
        return _compiling(text)
    except ExpressionError as error:
        rewritten = double_quoted(text)
        if rewritten != text:
            try:
                return _compiling(rewritten)
            except ExpressionError:
                pass
        raise error from None


def _compiling(text: str) -> str:
    """Return an expression that compiles, and does nothing yet while it does."""
    try:
        runs = unfolded(text, parse(text))
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    try:
        jq.compile(enclose(runs))
    except ValueError as error:
        raise _compile_error(str(error), runs) from None
    return runs


def double_quoted(text: str) -> str:
    """Return the expression with every single-quoted string outside strings and comments double-quoted."""
    return _QUOTED_OR_COMMENT.sub(_requoted, text)


def _requoted(found: re.Match[str]) -> str:
    inner: str | None = found.group(1)
    if inner is None:
        return found.group(0)
    return '"' + _BARE_QUOTE.sub(r'\1\\"', inner) + '"'


def _compile_error(message: str, text: str | None = None) -> ExpressionError:
    """Read libjq's message. With a text, lines are counted in it; libjq counts the parenthesis before it."""
    found = _PLACE.search(message)
    says = one_line(message[: found.start()] if found else message)
    says = says.removeprefix("jq: error: ")
    if found is None:
        return ExpressionError(says)
    line, column = int(found.group(1)), int(found.group(2))
    if text is None:
        return ExpressionError(says, line=line, column=column)
    lines = text.split("\n")
    if line - 1 <= len(lines):
        return ExpressionError(says, line=max(1, line - 1), column=column)
    says = "a ')' too many" if "expecting end of file" in says else f"the expression is not complete ({says})"
    return ExpressionError(
        says.replace("unexpected ')', ", "").replace(", unexpected ')'", ""),
        line=len(lines),
        column=len(lines[-1]) + 1,
    )


def one_line(message: str) -> str:
    """Return an engine's message as one line."""
    return " ".join(message.split())
