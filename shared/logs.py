"""Writes structured log lines on stderr: text or JSON, with service and run id, secrets masked."""

import copy
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

from shared.log_repeats import Repeats
from shared.redaction import Redactor
from shared.visible import visible, visible_lines

_RUN_ID: Final[ContextVar[str]] = ContextVar("run_id", default="")
_SERVICE: Final[ContextVar[str]] = ContextVar("service", default="")
CHATTY_LOGGERS: Final = (
    "aiokafka",
    "asyncio",
    "faststream",
    "httpcore",
    "httpx",
    "kafka",
    "opentelemetry",
    "uvicorn.access",
    "uvicorn.error",
)
"""Loggers of libraries that tell of every healthy step; from them only warnings pass."""
REPEATING_LOGGERS: Final = ("aiokafka", "opentelemetry", "uvicorn")
"""Loggers of libraries that write dozens of lines a second while their server is away, or as often as a
stranger sends nonsense."""
_OWN_ATTRIBUTES: Final = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", (), None)).keys() | {"message", "asctime", "taskName"}
)


@contextmanager
def log_context(*, service: str | None = None, run_id: str | None = None) -> Iterator[None]:
    """Put service and run id into every line that is logged inside, tasks started inside included."""
    pairs = ((_SERVICE, service), (_RUN_ID, run_id))
    tokens = [(variable, variable.set(value)) for variable, value in pairs if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


def configure_logs(
    *, level: str, json_lines: bool, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send all log lines of the process to one place, instead of wherever they went before.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        json_lines: One JSON object a line instead of text.
        secrets: Values that are masked in message, arguments, extras and tracebacks.
        stream: Where to write; None: whatever `sys.stderr` is at the time of each line.
    """
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, RedactingHandler)]:
        root.removeHandler(handler)
        handler.close()
    handler = RedactingHandler(Redactor(secrets), stream)
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def current_redactor() -> Redactor | None:
    """Return the redactor of the log lines, for text that is shown beside them; None: not configured yet."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, RedactingHandler):
            return handler.redactor
    return None


class RedactingHandler(logging.Handler):
    """Masks a copy of each record in all its parts, then writes it as one line."""

    def __init__(self, redactor: Redactor, stream: TextIO | None = None) -> None:
        super().__init__()
        self.redactor = redactor
        self._stream = stream
        self._repeats = Repeats(REPEATING_LOGGERS)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a line that cannot be made or written is never worth a crash."""
        left_out = self._repeats.left_out(record)
        if left_out is None:
            return
        try:
            line = self.format(self._masked(record, left_out))
        except Exception as error:  # noqa: BLE001 - logging's default shows the arguments, unmasked
            line = f"log line of {record.pathname}:{record.lineno} is broken: {type(error).__name__}"
        with suppress(OSError, ValueError):
            stream = self._stream or sys.stderr
            stream.write(line + "\n")
            stream.flush()

    def _masked(self, record: logging.LogRecord, left_out: int) -> logging.LogRecord:
        masked = copy.copy(record)
        masked.msg, masked.args = self.redactor.text(_one_line(record.getMessage())), None
        if left_out:
            masked.msg += f" ({left_out} more like this were left out)"
        if record.exc_info and record.exc_info[0]:
            masked.exc_text = self._block(logging.Formatter().formatException(record.exc_info))
            masked.exc_info = None
        elif record.exc_text:
            masked.exc_text = self._block(record.exc_text)
        if record.stack_info:
            masked.stack_info = self._block(record.stack_info)
        for name, value in extras(record).items():
            setattr(masked, name, self.redactor.value(value))
        return masked

    def _block(self, text: str) -> str:
        return visible_lines(self.redactor.text(text))


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return what the caller gave as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES}


class TextFormatter(logging.Formatter):
    """Writes a line for people: time, level, service, run, message, `name=value` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, followed by the traceback where there is one."""
        parts = [_time(record), f"{record.levelname.lower():<7}"]
        if service := _SERVICE.get():
            parts.append(service)
        if run_id := _RUN_ID.get():
            parts.append(f"run={run_id}")
        parts.append(record.getMessage())
        parts += [f"{name}={_plain(value)}" for name, value in extras(record).items()]
        tails = [text for text in (record.exc_text, record.stack_info) if text]
        return "\n".join([" ".join(parts), *tails])


class JsonFormatter(logging.Formatter):
    """Writes a line for machines: one JSON object, extras beside the fixed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object in one line."""
        fields: dict[str, object] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "service": _SERVICE.get(),
            "run_id": _RUN_ID.get(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in extras(record).items():
            fields[name if name not in fields else f"extra_{name}"] = value
        if record.exc_text:
            fields["traceback"] = record.exc_text
        if record.stack_info:
            fields["stack"] = record.stack_info
        return json.dumps(fields, default=str)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    """Return the text without line breaks and what steers a terminal: foreign text cannot forge a line."""
    return visible("\\n".join(text.splitlines()))


def _plain(value: object) -> str:
    text = _one_line(value if isinstance(value, str) else json.dumps(value, default=str))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text or '"' in text else text
