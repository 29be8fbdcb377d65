"""`pagerport dlq`: letters of a kept log file are folded, filtered, listed and shown."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.topics import dlq_topic
from services.cli.app import main
from services.cli.letters import fold
from shared.dead_letters import Resolution, dead_letter_record, resolution_record
from shared.log.interface import NewRecord, Record
from shared.log.sqlite import SqliteLog

TOPIC = "pagerduty.raw.incidents"
DLQ = dlq_topic(TOPIC)
AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)


def letter(offset: int, reason: Reason = Reason.SELECTOR_ERROR, kind: str = "incidents") -> DeadLetter:
    return DeadLetter(
        topic=TOPIC,
        partition=2,
        offset=offset,
        stage="mapper",
        failures=(LetterFailure(reason=reason, detail=f"went wrong \x1b[31m{offset}", entry=1),),
        kind=kind,
        object_id=f"P{offset}",
        run_id="r1",
        failed_at=AT,
    )


def failed(one: DeadLetter, value: bytes | None = b'{"id": "P1", "title": "\\u001b[31m"}') -> NewRecord:
    key = one.object_id.encode()
    return dead_letter_record(Record(TOPIC, 2, one.offset, 0, key, value, (("ce_id", b"1"),)), one)


def write(path: Path, *records: NewRecord) -> Path:
    async def fill() -> None:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics([DLQ])
        await log.append(records)
        await log.close()

    asyncio.run(fill())
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "kept.sqlite",
        failed(letter(1)),
        failed(letter(2, Reason.IDENTIFIER_NULL)),
        failed(letter(3)),
        resolution_record(letter(3), Resolution.REDRIVEN, resolved_at=AT),
        failed(letter(4, kind="services"), value=None),
        NewRecord(DLQ, b"stray", b"no letter"),
    )


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capsys.readouterr()


def listed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    code, out, err = run(capsys, "dlq", "list", "--json", *arguments)
    assert (code, err) == (0, "")
    return [one["object_id"] or one["broken"] for one in json.loads(out)]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), ["P1", "P2", "P4", "…"]),
        (("--all",), ["P1", "P2", "P3", "P4", "…"]),
        (("--reason", "identifier_null"), ["P2"]),
        (("--kind", "services"), ["P4"]),
        (("--kind", "users"), []),
        (("--limit", "2"), ["P1", "P2"]),
        (("--run", "r1"), ["P1", "P2", "P4"]),
        (("--run", "r2"), []),
    ],
    ids=lambda value: " ".join(value) or "none",
)
def test_letters_are_listed_open_ones_only_unless_asked(
    capsys: pytest.CaptureFixture[str], file: Path, options: tuple[str, ...], ids: list[str]
) -> None:
    found = listed(capsys, "--log", file, *options)

    assert [one if one.startswith("P") else "…" for one in found] == ids


def test_document_holds_everything_known(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    _, out, _ = run(capsys, "dlq", "list", "--json", "--log", file, "--limit", "1")

    assert json.loads(out) == [
        {
            "address": f"{DLQ}/0/0",
            "original": f"{TOPIC}/2/1",
            "failed_at": "2026-03-01T08:16:00+00:00",
            "stage": "mapper",
            "kind": "incidents",
            "object_id": "P1",
            "run_id": "r1",
            "resolution": None,
            "failure_count": 1,
            "failures": [
                {
                    "reason": "selector_error",
                    "detail": "went wrong \x1b[31m1",
                    "entry": 1,
                    "blueprint": "",
                    "identifier": "",
                }
            ],
            "broken": "",
        }
    ]


def test_table_counts_what_it_does_not_show_and_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, _ = run(capsys, "dlq", "list", "--log", file, "--limit", "1")

    assert code == 0
    assert out.splitlines()[-1] == "1 dead letter of run r1, 3 more with a higher --limit"
    assert r"went wrong \x1b[31m1" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("address", [f"{DLQ}/0/1", f"{TOPIC}/2/2"], ids=["its own", "the original's"])
def test_letter_is_found_by_either_address(
    capsys: pytest.CaptureFixture[str], file: Path, address: str
) -> None:
    code, out, _ = run(capsys, "dlq", "show", address, "--log", file, "--json")

    document = json.loads(out)
    assert (code, document["object_id"], document["body"]) == (0, "P2", {"id": "P1", "title": "\x1b[31m"})
    assert document["headers"]["ce_id"] == "1"


def test_letter_is_shown_with_failure_headers_and_body(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, _ = run(capsys, "dlq", "show", f"{DLQ}/0/0", "--log", file)

    lines = out.splitlines()
    assert code == 0
    assert r"failure: selector_error (resources[1]): went wrong \x1b[31m1" in lines
    assert "  ce_id: 1" in lines
    assert lines[lines.index("body:") + 1 :] == ["{", '  "id": "P1",', r'  "title": "\u001b[31m"', "}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dlq", "list"), "which log file? give --log FILE"),
        (("dlq", "list", "--log", "none.sqlite"), "none.sqlite"),
        (("dlq", "list", "--log", "none.sqlite"), "give the file that a sync named, with --log FILE"),
        (("dlq", "list", "--log", "all.yaml"), "all.yaml is not a pagerport log; give the file that the"),
        (("dlq", "show", "x/0/0", "--log", "kept.sqlite"), "no dead letter 'x/0/0' in this log"),
    ],
)
def test_mistake_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(file.parent)
    monkeypatch.delenv("OCEAN__LOG__FILE", raising=False)
    Path("all.yaml").write_text("resources: []")

    code, out, err = run(capsys, *arguments)

    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err


def test_unknown_reason_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, _, err = run(capsys, "dlq", "list", "--reason", "odd", "--log", file)

    assert code == 2
    assert "selector_error" in err


def test_unknown_kind_is_refused_with_those_of_the_log(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, err = run(capsys, "dlq", "list", "--kind", "nonsense", "--log", file)

    said = " ".join(err.replace("│", " ").split())
    assert (code, out) == (2, "")
    assert "'nonsense' is no kind; this log has letters of incidents, services" in said


def test_letters_of_one_time_are_in_the_order_of_their_offsets() -> None:
    records = [failed(letter(offset)) for offset in range(12)]
    kept = [
        Record(DLQ, partition, offset, 7, one.key, one.value, one.headers)
        for partition in (10, 9)
        for offset, one in reversed(list(enumerate(records)))
    ]

    places = [(one.record.partition, one.record.offset) for one in fold(kept)]
    assert places == [(partition, offset) for partition in (9, 10) for offset in range(12)]


def test_table_names_the_run_of_each_letter_and_says_how_many_runs_there_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs = [letter(number).model_copy(update={"run_id": f"r{number}"}) for number in (1, 2)]
    file = write(tmp_path / "two.sqlite", *map(failed, runs))

    _, out, _ = run(capsys, "dlq", "list", "--log", file)

    assert [line.split()[4] for line in out.splitlines()[1:-1]] == ["r1", "r2"]
    assert out.splitlines()[-1] == "2 dead letters of 2 runs, the newest r2"


def test_file_without_letters_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "dlq", "list", "--log", write(tmp_path / "empty.sqlite"))

    assert (code, out) == (0, "0 dead letters\n")
