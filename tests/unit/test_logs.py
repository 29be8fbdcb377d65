"""Log lines: structured, with service and run id, and without a secret in any part of them."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logs import CHATTY_LOGGERS, RedactingHandler, configure_logs, current_redactor, log_context
from shared.redaction import MASK, SHORTEST_CHARS, Redactor

SECRET = 'p4ss"w\\ord+/ü'


def configured(*, json_lines: bool, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logs(level=level, json_lines=json_lines, secrets=[SECRET, ""], stream=stream)
    return stream


def refuse(message: str) -> None:
    raise ValueError(message)


def log_the_secret_everywhere() -> None:
    logger = logging.getLogger("tests.secret")
    logger.warning("message %s", SECRET, extra={"plain": SECRET, "nested": {"a": [SECRET], SECRET: 1}})
    try:
        refuse(f"refused: {SECRET}")
    except ValueError:
        logger.exception("failed with %r", {"token": SECRET}, stack_info=True)
    logger.warning("quoted %s", json.dumps(SECRET))


@pytest.mark.parametrize("json_lines", [True, False], ids=["json", "text"])
def test_secret_is_masked_in_message_arguments_extras_and_traceback(json_lines: bool) -> None:
    stream = configured(json_lines=json_lines)

    log_the_secret_everywhere()

    text = stream.getvalue()
    for look in (SECRET, json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1]):
        assert look not in text
    assert "p4ss" not in text
    assert text.count(MASK) >= 6
    assert "ValueError: refused: " + MASK in text


def test_masking_touches_a_copy_only() -> None:
    configured(json_lines=True)
    document = {"token": SECRET, "rows": [SECRET]}

    logging.getLogger("tests").warning("sent %s", document, extra={"document": document})

    assert document == {"token": SECRET, "rows": [SECRET]}


def test_json_line_holds_all_fields(caplog: pytest.LogCaptureFixture) -> None:
    stream = configured(json_lines=True)

    with log_context(service="writer"), log_context(run_id="r1"):
        logging.getLogger("services.writer").info("wrote %d", 3, extra={"blueprint": "service", "level": "x"})

    fields = json.loads(stream.getvalue())
    assert fields.pop("at").endswith("Z")
    assert fields == {
        "level": "info",
        "service": "writer",
        "run_id": "r1",
        "logger": "services.writer",
        "message": "wrote 3",
        "blueprint": "service",
        "extra_level": "x",
    }


def test_text_line_reads_in_order() -> None:
    stream = configured(json_lines=False)

    with log_context(service="fetcher", run_id="r1"):
        logging.getLogger("x").warning("held", extra={"host": "Port", "cause": "HTTP 502"})

    _, line = stream.getvalue().split(" ", 1)
    assert line == 'warning fetcher run=r1 held host=Port cause="HTTP 502"\n'


def test_context_ends_with_its_block() -> None:
    stream = configured(json_lines=True)

    with log_context(run_id="r1"):
        pass
    logging.getLogger("x").warning("after")

    assert json.loads(stream.getvalue())["run_id"] == ""


def test_line_break_in_foreign_text_cannot_forge_a_line() -> None:
    stream = configured(json_lines=False)

    logging.getLogger("x").warning("refused %s", "a\n2026 error forged", extra={"detail": "b\r\nforged"})

    assert len(stream.getvalue().splitlines()) == 1


HOSTILE = "a\x1b[2J\x07\x9b31m\u202eb\u2066\x00"


@pytest.mark.parametrize("json_lines", [False, True])
def test_foreign_text_steers_no_terminal(json_lines: bool) -> None:
    stream = configured(json_lines=json_lines)
    try:
        refuse(HOSTILE)
    except ValueError:
        logging.getLogger("x").warning(
            "refused %s", HOSTILE, extra={"detail": HOSTILE}, exc_info=True, stack_info=True
        )

    said = stream.getvalue()
    assert [sign for sign in said if not sign.isprintable() and sign != "\n"] == []
    if json_lines:
        assert json.loads(said)["message"] == r"refused a\x1b[2J\x07\x9b31m\u202eb\u2066\x00"
        assert json.loads(said)["detail"] == HOSTILE
    else:
        assert r"refused a\x1b[2J\x07\x9b31m\u202eb\u2066\x00" in said


def test_line_that_cannot_be_made_is_named_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    record = logging.LogRecord("x", logging.WARNING, "file.py", 7, "number %d", (SECRET,), None)

    RedactingHandler(Redactor([SECRET]), stream).handle(record)

    assert stream.getvalue() == "log line of file.py:7 is broken: TypeError\n"
    assert "".join(capsys.readouterr()) == ""


def test_libraries_are_quiet_below_warning() -> None:
    stream = configured(json_lines=True, level="debug")

    for name in CHATTY_LOGGERS:
        logging.getLogger(name).info("healthy")
    logging.getLogger("httpx").warning("odd")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["odd"]


def test_configuring_again_replaces_the_first() -> None:
    first = configured(json_lines=True)
    second = configured(json_lines=True)

    logging.getLogger("x").warning("once")

    assert (first.getvalue(), len(second.getvalue().splitlines())) == ("", 1)
    redactor = current_redactor()
    assert redactor is not None
    assert redactor.text(f"token {SECRET}") == f"token {MASK}"


@given(st.lists(st.text(max_size=12)), st.text(max_size=30))
def test_no_secret_survives_redaction_and_short_ones_change_nothing(secrets: list[str], around: str) -> None:
    redactor = Redactor(secrets)
    long_ones = [secret for secret in secrets if len(secret) >= SHORTEST_CHARS and secret not in MASK]

    text = redactor.text(around + "".join(secrets))

    assert [secret for secret in long_ones if secret in text and secret not in MASK * 3] == []
    assert Redactor([secret for secret in secrets if len(secret) < SHORTEST_CHARS]).text(around) == around
