"""Runs expressions with pyjq, the second engine: jq 1.5, in this process."""

from typing import Any, Final

import _pyjq
import orjson

from shared.jq_engine import ExpressionError, Json, Program, enclose, one_line, runnable_text


class PyjqEngine:
    """The `pyjq` package. `input` and `debug` end the process: run where that costs one object."""

    is_libjq: Final = False

    def compile(self, text: str) -> Program:
        """Compile an expression; single-quoted strings are read as the peer reads them.

        Raises:
            ExpressionError: It does not compile, here or in jq 1.8.
        """
        return self.compile_source(enclose(runnable_text(text)))

    def compile_source(self, source: str) -> Program:
        """Compile a whole program as it is.

        Raises:
            ExpressionError: It does not compile.
        """
        try:
            script = _pyjq.Script(f"first({source}\n)".encode(), vars={}, library_paths=[])
        except ValueError as error:
            raise ExpressionError(one_line(str(error))) from None
        return _PyjqProgram(script)


class _PyjqProgram:
    def __init__(self, script: Any) -> None:  # noqa: ANN401 - the package has no types
        self._script = script

    def first(self, document_json: str) -> list[Json]:
        """Run over a document up to the first output; see `Program`."""
        try:
            document = orjson.loads(document_json)
        except ValueError as error:
            raise ExpressionError(f"the document is no JSON: {error}") from None
        try:
            found: list[Json] = self._script.all(document)
        except (_pyjq.ScriptRuntimeError, ValueError) as error:
            raise ExpressionError(one_line(str(error))) from None
        return found[:1]
