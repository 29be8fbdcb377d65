"""`pagerport dlq`: letters of a kept log file are folded, filtered, listed and shown."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.headers import RecordHeaders
from schemas.outcome import Reason
from schemas.refresh_request import REFRESH_TYPE, RefreshCause, RefreshRequest
from schemas.run import RunResult, RunState
from schemas.topics import ENTITIES, RUNS, WEBHOOKS, dlq_topic
from services.cli.app import main
from services.cli.next_steps import NEXT_STEPS
from shared.dead_letters import Resolution, dead_letter_record, resolution_record
from shared.kept_letters import Folding
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.runs_topic import run_record

TOPIC = "pagerduty.raw.incidents"
DLQ = dlq_topic(TOPIC)
AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)


def letter(
    offset: int,
    reason: Reason = Reason.SELECTOR_ERROR,
    kind: str = "incidents",
    blueprint: str = "",
    topic: str = TOPIC,
    object_id: str | None = None,
) -> DeadLetter:
    detail = f"went wrong \x1b[31m{offset}"
    return DeadLetter(
        topic=topic,
        partition=2,
        offset=offset,
        stage="mapper",
        failures=(LetterFailure(reason=reason, detail=detail, entry=1, blueprint=blueprint),),
        kind=kind,
        object_id=f"P{offset}" if object_id is None else object_id,
        run_id="r1",
        failed_at=AT,
    )


def failed(one: DeadLetter, value: bytes | None = b'{"id": "P1", "title": "\\u001b[31m"}') -> NewRecord:
    key = one.object_id.encode()
    return dead_letter_record(Record(one.topic, 2, one.offset, 0, key, value, (("ce_id", b"1"),)), one)


def write(path: Path, *records: NewRecord, topics: tuple[str, ...] = ()) -> Path:
    async def fill() -> None:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics([DLQ, *topics])
        await log.append(records)
        await log.close()

    asyncio.run(fill())
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "kept.sqlite",
        failed(letter(1)),
        failed(letter(2, Reason.IDENTIFIER_NULL, blueprint="app")),
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
        (("--blueprint", "app"), ["P2"]),
        (("--blueprint", "none"), []),
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
        (("dlq", "list"), "there is no log file pagerport.db; give --log FILE"),
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
    folding = Folding()
    folding.take(
        Record(DLQ, partition, offset, 7, one.key, one.value, one.headers)
        for partition in (10, 9)
        for offset, one in reversed(list(enumerate(records)))
    )

    places = [(one.record.partition, one.record.offset) for one in folding.letters()]
    assert places == [(partition, offset) for partition in (9, 10) for offset in range(12)]


def test_table_names_the_run_of_each_letter_and_says_how_many_runs_there_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs = [letter(number).model_copy(update={"run_id": f"r{number}"}) for number in (1, 2)]
    file = write(tmp_path / "two.sqlite", *map(failed, runs))

    _, out, _ = run(capsys, "dlq", "list", "--log", file)

    assert [line.split()[4] for line in out.splitlines()[1:3]] == ["r1", "r2"]
    assert out.splitlines()[-1] == "2 dead letters of 2 runs, the newest r2"


@pytest.mark.parametrize(("name", "is_known"), [("r1", True), ("r7", True), ("nope", False)])
def test_run_that_the_log_does_not_know_is_said_to_be_unknown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, is_known: bool
) -> None:
    told = run_record(
        RunResult(run_id="r7", state=RunState.COMPLETED, started_at=AT), identifier="me", made_at=AT
    )
    file = write(tmp_path / "one.sqlite", failed(letter(1)), told, topics=(RUNS.name,))

    code, out, _ = run(capsys, "dlq", "list", "--log", file, "--run", name)

    assert (code, "this log knows no run 'nope'" in out) == (0, not is_known)


def test_long_detail_is_cut_between_words_in_the_list_and_whole_elsewhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    long = "because " * 40 + "end"
    failure = LetterFailure(reason=Reason.REFUSED, detail=long)
    file = write(tmp_path / "one.sqlite", failed(letter(1).model_copy(update={"failures": (failure,)})))

    _, table, _ = run(capsys, "dlq", "list", "--log", file)
    _, listed_json, _ = run(capsys, "dlq", "list", "--log", file, "--json")

    assert table.splitlines()[1].endswith(f"{' '.join(['because'] * 20)} …")
    assert json.loads(listed_json)[0]["failures"][0]["detail"] == long


def test_file_without_letters_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "dlq", "list", "--log", write(tmp_path / "empty.sqlite"))

    assert (code, out) == (0, "0 dead letters\n")


EVENTS, ENTITY_LETTERS = dlq_topic(WEBHOOKS.name), dlq_topic(ENTITIES.name)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of an installation that runs: what is asked for there is read by somebody."""
    file = write(
        tmp_path / "log.sqlite",
        failed(letter(1)),
        failed(letter(2, Reason.IDENTIFIER_NULL, object_id="P1")),
        failed(letter(3, kind="oncalls")),
        failed(letter(4, object_id="")),
        failed(letter(5, kind="services")),
        resolution_record(letter(5, kind="services"), Resolution.HEALED, resolved_at=AT),
        failed(letter(6, kind="services", topic=WEBHOOKS.name)),
        failed(letter(7, Reason.DELETE_HELD, kind="services", blueprint="app", topic=ENTITIES.name)),
        NewRecord(DLQ, b"stray", b"no letter"),
        topics=(WEBHOOKS.name, EVENTS, ENTITY_LETTERS),
    )
    monkeypatch.setenv("OCEAN__LOG__FILE", str(file))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    return file


def requests(file: Path) -> list[tuple[bytes | None, RefreshRequest, RecordHeaders]]:
    async def read() -> list[Record]:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        records = await log.read({TopicPartition(WEBHOOKS.name, 0): 0}, max_records=100, wait_s=0)
        await log.close()
        return records

    return [
        (one.key, RefreshRequest.model_validate_json(one.value or b""), RecordHeaders.decode(one.headers))
        for one in asyncio.run(read())
    ]


def test_redriven_letters_have_their_objects_asked_for_once_each(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    code, out, _ = run(capsys, "dlq", "redrive", "--all", "--json")

    said = json.loads(out)
    assert code == 1
    assert said["requests"] == [
        {"kind": "incidents", "object_id": "P1", "letters": [f"{DLQ}/0/0", f"{DLQ}/0/1"]}
    ]
    assert {one["address"]: one["why"].split(":")[0] for one in said["left"]} == {
        f"{DLQ}/0/2": "PagerDuty gives no single object of oncalls",
        f"{DLQ}/0/3": "it tells no object to ask for",
        f"{DLQ}/0/6": "the letter cannot be read",
        f"{EVENTS}/0/0": "made of an event, which PagerDuty sends once",
        f"{ENTITY_LETTERS}/0/0": "held by the breaker",
    }
    ((key, request, headers),) = requests(running)
    assert key == b"incidents/P1"
    assert request == RefreshRequest(
        kind="incidents",
        object_id="P1",
        cause=RefreshCause.REDRIVE,
        letters=(f"{DLQ}/0/0", f"{DLQ}/0/1"),
    )
    assert (headers.type, headers.source, headers.kind) == (REFRESH_TYPE, "pagerport/me/refresh", "incidents")


def test_redrive_of_what_can_be_mended_ends_with_0_and_says_what_follows(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    code, out, _ = run(capsys, "dlq", "redrive", f"{TOPIC}/2/1")

    assert (code, len(requests(running))) == (0, 1)
    assert out == (
        "asked again for 1 object of 1 letter; each may fail again, a letter is closed once its object is "
        "published; `pagerport status` shows what is left\n"
    )


def test_discarded_letters_are_closed_even_unreadable_ones(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    assert run(capsys, "dlq", "discard", f"{DLQ}/0/6", f"{DLQ}/0/0")[:2] == (0, "discarded 2 letters\n")

    _, out, _ = run(capsys, "dlq", "list", "--all", "--json")
    resolutions = {one["address"]: one["resolution"] for one in json.loads(out)}
    assert {address for address, how in resolutions.items() if how == "discarded"} == {
        f"{DLQ}/0/0",
        f"{DLQ}/0/6",
    }
    code, out, _ = run(capsys, "dlq", "discard", "--blueprint", "app", "--json")
    assert (code, json.loads(out)) == (0, {"discarded": [f"{ENTITY_LETTERS}/0/0"], "left": []})


@pytest.mark.parametrize("command", ["redrive", "discard"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which letters?"),
        (("--all", f"{DLQ}/0/0"), "not both"),
        (("--reason", "odd"), "is no reason"),
        ((f"{DLQ}/0/99",), "no dead letter"),
        ((f"{DLQ}/0/4",), "is closed already: healed"),
    ],
)
def test_letters_must_be_named_or_described(
    capsys: pytest.CaptureFixture[str], running: Path, command: str, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, "dlq", command, *arguments)

    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", " ").split())
    assert requests(running) == []


def test_letters_of_a_one_shot_sync_cannot_be_redriven_but_discarded(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, _, err = run(capsys, "dlq", "redrive", "--all", "--log", file)

    assert (code, "run the sync again" in err) == (2, True)
    assert run(capsys, "dlq", "discard", "--all", "--log", file)[:2] == (0, "discarded 4 letters\n")


def test_letters_are_read_and_closed_while_another_process_consumes_the_file(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    lock = FileLock.acquire(running)
    try:
        assert run(capsys, "dlq", "discard", f"{DLQ}/0/0")[0] == 0
        assert run(capsys, "dlq", "redrive", f"{DLQ}/0/1")[0] == 0
    finally:
        lock.close()
    assert len(requests(running)) == 1


def test_deep_body_is_shown_as_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = b"[" * 100_000
    file = write(tmp_path / "deep.sqlite", failed(letter(1), body))

    code, out, _ = run(capsys, "dlq", "show", f"{DLQ}/0/0", "--log", file)

    assert (code, out.splitlines()[-1]) == (0, body.decode())


def test_list_and_letter_say_what_mends_it_and_what_tries_it_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    open_ones = (failed(letter(1)), failed(letter(2, Reason.DELETE_HELD)))
    file = write(tmp_path / "of run.sqlite", *open_ones, topics=(WEBHOOKS.name,))
    kept = write(tmp_path / "kept.sqlite", *open_ones)
    select, again = NEXT_STEPS[Reason.SELECTOR_ERROR], f"pagerport dlq redrive --log '{file}'"
    held = NEXT_STEPS[Reason.DELETE_HELD]

    listed = run(capsys, "dlq", "list", "--log", file)[1].splitlines()
    of_sync = run(capsys, "dlq", "list", "--log", kept)[1].splitlines()
    shown = [run(capsys, "dlq", "show", f"{DLQ}/0/{at}", "--log", file)[1] for at in (0, 1)]

    assert listed[3:5] == [
        f"next, for delete_held: {held}",
        f"next, for selector_error: {select}; then `{again} --reason selector_error`",
    ]
    assert of_sync[4] == f"next, for selector_error: {select}; then sync again"
    assert f"\nnext: {select}; then `{again} {DLQ}/0/0`\n" in shown[0]
    assert f"\nnext: {held}\n" in shown[1]


def test_letters_of_live_changes_are_not_counted_to_a_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    live = [letter(number).model_copy(update={"run_id": ""}) for number in (2, 3)]
    file = write(tmp_path / "live.sqlite", failed(letter(1)), *map(failed, live))

    assert run(capsys, "dlq", "list", "--log", file)[1].splitlines()[-1] == "3 dead letters, 1 of run r1"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("redrive", "there is no open letter whose object can be asked for\n"),
        ("discard", "there is no open letter to discard\n"),
    ],
)
def test_nothing_to_do_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, says: str
) -> None:
    file = write(tmp_path / "empty.sqlite", topics=(WEBHOOKS.name,))

    assert run(capsys, "dlq", command, "--all", "--log", file) == (0, says, "")
