"""Is everything in the model: PagerDuty, Port, the user's mapping, a process, and a judge of what it does."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from schemas.command import CommandType
from schemas.outcome import Reason
from schemas.run import RunResult, RunState
from shared.mapping_file import LoadedMapping, parse_mapping
from simulators.port.app import PortSimulator
from simulators.port.app import create_app as create_port
from simulators.port.catalog import EntityKey
from simulators.port.stored import StoredEntity, Writer
from tests.model.account import ACCEPT, TOKEN, small_account
from tests.model.clockwork import ClockworkLoop, WallClock
from tests.model.mapping_texts import BLUEPRINTS, FOREIGN, MAPPINGS
from tests.model.process import PAGERDUTY, Outside, Process
from tests.oracle import Expected, differences, expected_catalog

Json = Any

THEM = "port-ocean/github/0.1/them/exporter"
LONGEST_QUIET_S = 6 * 3600.0
MEMORY = Path("/dev/shm")


@cache
def read_mapping(name: str) -> LoadedMapping:
    """Return what the product reads where the user has this mapping."""
    return parse_mapping(yaml.safe_dump(MAPPINGS[name], sort_keys=False), f"{name}.yaml")


class ServedApart(httpx.BaseTransport):
    """Asks a simulated service for itself: no script, no log, and no time that passes."""

    def __init__(self, service: Any, runner: asyncio.Runner) -> None:
        self._transport = httpx.ASGITransport(service)
        self._runner = runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class World:
    """One example, for the time of its block.

    Args:
        seed: Of all chance in it.
        users: How many users there are.
        mapping: Name of the first mapping.

    Attributes:
        wrong: Deletes of entities that were valid all the time.
        causes: Reasons for dead letters that were given so far.
        counts: What happened.
        steady: Entities that were valid at every moment since nothing was left to do.
    """

    def __init__(self, seed: int, *, users: int = 4, mapping: str = "plain") -> None:
        self.random = Random(seed)  # noqa: S311 - chance that can be repeated
        self.loop = ClockworkLoop()
        self.clock = WallClock(self.loop)
        self.account = small_account(self.clock, self.random, users=users)
        self.port: PortSimulator = create_port(blueprints=BLUEPRINTS, now=self.clock.now)
        self.mapping = mapping
        self.kills = 0
        self.counts: Counter[str] = Counter()
        self.causes: set[Reason] = set()
        self.wrong: list[str] = []
        self._runner = asyncio.Runner()
        self._http = httpx.Client(
            transport=ServedApart(self.account.simulator.service, self._runner),
            base_url=PAGERDUTY,
            headers={"Authorization": f"Token token={TOKEN}", "Accept": ACCEPT},
        )
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.faults: dict[str, list[Json]] = {"pagerduty": [], "port": []}
        self.lost = 0.0
        self.foreign: set[EntityKey] = set()
        self._counted: set[str] = set()
        self.plant(FOREIGN, *self.account.ids("users"))
        self.steady: frozenset[EntityKey] = frozenset()
        self.use(mapping)
        self._watch_deletes()
        self.process = self._new_process()
        self.do(self.process.start())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.do(self.process.kill(self._folder / "end"))
        self._http.close()
        self._runner.close()
        self.loop.close()
        shutil.rmtree(self._folder)

    def do(self, work: Any) -> Any:
        """Let time pass until something is done."""
        return self.loop.run_until_complete(work)

    # What people do

    def changed(self) -> None:
        """Take note that PagerDuty, or the mapping, is another now."""
        self.valid: Mapping[EntityKey, Expected] = self._expected()
        self.steady &= self.valid.keys()

    def use(self, mapping: str) -> None:
        """Let the user edit his mapping file."""
        self.mapping = mapping
        if mapping == "failing":
            self.causes.add(Reason.SELECTOR_ERROR)
        self.changed()

    def plant(self, blueprint: str, *identifiers: str) -> None:
        """Let somebody else make entities."""
        at_ms = int(self.clock.seconds() * 1000)
        for identifier in identifiers:
            key = (blueprint, identifier)
            entity = StoredEntity(
                blueprint=blueprint, identifier=identifier, sequence=0, properties={"name": "theirs"}
            )
            self.port.catalog.store(entity, self.port.catalog.entity(key), Writer(THEM, "them", at_ms))
            self.foreign.add(key)

    def command(self, command: CommandType, *kinds: str) -> None:
        self.do(self.process.command(command, *kinds))

    def deliver(self, index: int) -> None:
        """Deliver an event that is on its way; it stays there, to be delivered again."""
        self.do(self.process.deliver(self.account.mail[index]))

    # What happens

    def trouble(self, host: str, *rules: Json) -> None:
        """Add rules to a simulator's script."""
        self.causes.add(Reason.RETRIES_EXHAUSTED)
        self.faults[host] += rules
        self._script(host)

    def fair_weather(self) -> None:
        """Let everything answer as it should from now on."""
        self.faults = {"pagerduty": [], "port": []}
        self._script("pagerduty")
        self._script("port")
        self.lost = 0.0
        self._lose()

    def lose(self, share: float) -> None:
        """Let this share of the requests never arrive, and as many answers."""
        self.lost = share
        self.causes.add(Reason.RETRIES_EXHAUSTED)
        self._lose()

    def _lose(self) -> None:
        self.process.line.lost_before = self.process.line.lost_after = self.lost / 2

    def _script(self, host: str) -> None:
        simulator = self.port if host == "port" else self.account.simulator
        simulator.script.replace(list(self.faults[host]))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and take note when nothing is left to do."""
        self.do(asyncio.sleep(seconds))
        self.judge()
        if self.do(self.process.is_idle()):
            self.steady = frozenset(self.valid)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Let time pass until it is so."""
        end_s = self.loop.now_s + LONGEST_QUIET_S
        while not is_so():
            assert self.loop.now_s < end_s, f"not so after hours: {self.process.stand()}"
            self.do(asyncio.sleep(0.01))
        self.judge()

    def take_steps(self, number: int) -> None:
        """Let so many turns of the loop pass: a kill may follow anywhere."""

        async def steps() -> None:
            for _ in range(number):
                await asyncio.sleep(self.random.choice((0, 0, 0, 0, 0.005, 0.05)))

        self.do(steps())
        self.judge()

    def kill(self) -> None:
        """Kill the process and start another one on the file that it leaves."""
        before = self.process
        self.kills += 1
        self.counts["kills"] += 1
        self.counts["kills in the middle of something"] += not self.do(before.is_idle())
        self.process = self._new_process()
        self.do(before.kill(self.process.path))
        for one in self._folder.glob(f"{before.path.name}*"):
            one.unlink()
        self.do(self.process.start())
        self._lose()
        self.judge()

    def _new_process(self) -> Process:
        outside = Outside(
            pagerduty=self.account.simulator,
            port=self.port,
            clock=self.clock,
            random=self.random,
            mapping=lambda: read_mapping(self.mapping),
        )
        return Process(outside, self._folder / f"log{self.kills}")

    # What must hold

    def judge(self) -> None:
        """Say what was done wrong so far."""
        assert not self.wrong, self.wrong
        ended = self.process.ended
        assert not ended, ended
        missing = [key for key in self.foreign if self.port.catalog.entity(key) is None]
        assert not missing, f"somebody else's entities were deleted: {missing}"

    def until_quiet(self) -> None:
        """Let time pass until nothing is left to do."""
        end_s = self.loop.now_s + LONGEST_QUIET_S
        while not self.do(self.process.is_idle()):
            assert self.loop.now_s < end_s, f"no end after hours: {self.process.stand()}"
            self.do(asyncio.sleep(7))
            self.judge()
        self.steady = frozenset(self.valid)

    def resync(self) -> RunResult:
        """Have everything listed, in quiet, and return what became of it."""
        command_id = self.do(self.process.command(CommandType.RESYNC))
        end_s = self.loop.now_s + LONGEST_QUIET_S
        while True:
            run: RunResult | None = self.do(self.process.run_of(command_id))
            if run is not None:
                self.until_quiet()
                return run
            assert self.loop.now_s < end_s, f"no end after hours: {self.process.stand()}"
            self.do(asyncio.sleep(1))

    def check_all(self) -> None:
        """Have it become quiet, resync, and compare everything with what should be."""
        self.fair_weather()
        self.until_quiet()
        run = self.resync()
        orphans = self.account.orphans() if self.mapping == "strict" else set()
        is_green = run.state is RunState.COMPLETED
        assert is_green or orphans or self._failing(), (
            f"not green: {run.model_dump_json(indent=1, exclude_none=True)}"
        )
        found = self.differences(aside={("incident", one) for one in orphans})
        assert not found, (found, run.sweep and run.sweep.model_dump_json(indent=1))
        before = self.port.catalog.counters()
        self.resync()
        after = self.port.catalog.counters()
        if not orphans:
            assert before == after, "a resync after which nothing had changed wrote"
        self.judge()
        self._check_letters(orphans)
        self._count_runs()
        self.account.simulator.log.clear()
        self.port.log.clear()

    def _check_letters(self, orphans: Collection[str]) -> None:
        """Compare the open dead letters with what there was to fail."""
        # Those that may heal are asked for every five minutes.
        self.do(asyncio.sleep(1000))
        self.until_quiet()
        kinds = {entry["kind"] for entry in MAPPINGS[self.mapping]["resources"]}
        for one in self.do(self.process.letters()):
            assert one.letter is not None, one
            for failure in one.letter.failures:
                self.counts[f"open letters {failure.reason}"] += 1
                is_orphan = one.letter.object_id in orphans or one.letter.kind not in kinds
                is_caused = failure.reason in self.causes
                if failure.reason is Reason.RELATION_TARGET_MISSING:
                    is_caused = is_orphan
                assert is_caused, one

    def _count_runs(self) -> None:
        for run in self.process.runs.runs:
            if run.run_id not in self._counted:
                self._counted.add(run.run_id)
                self.counts[f"{run.type} {run.state}"] += 1
                self.counts["attempts"] += run.attempt

    def differences(self, aside: Iterable[EntityKey] = ()) -> list[str]:
        """Compare what Port holds with what the oracle makes of the account, property by property.

        Args:
            aside: What may be there or not: an incident whose service is gone arrives while a sweep keeps
                the service, because others still point at it.
        """
        free = set(aside)
        expected = {key: value for key, value in self._expected().items() if key not in free}
        held: dict[str, dict[str, dict[str, Json]]] = {}
        for entity in self.port.catalog.entities():
            key = (entity.blueprint, entity.identifier)
            if key in expected or not (key in free or entity.is_placeholder or self.may_stay(key)):
                held.setdefault(entity.blueprint, {})[entity.identifier] = self._mapped(
                    entity.full_document()
                )
        return differences(expected, held, {one["identifier"]: one for one in BLUEPRINTS})

    def _failing(self) -> set[EntityKey]:
        """Return what objects have made, or not, whose mapping fails now: it stays as it is."""
        if self.mapping != "failing":
            return set()
        users = self.account.ids("users")
        return {("user", one) for one in users if self.account.row("users", one)["role"] == "observer"}

    def may_stay(self, key: EntityKey) -> bool:
        """Tell whether an entity that nothing makes may be there all the same."""
        blueprint, identifier = key
        # A sweep takes nothing along: what somebody points at stays, and the run says so.
        if self.port.catalog.dependents(key):
            return True
        if key in self.foreign or blueprint == FOREIGN or key in self._failing():
            return True
        # Blueprints that the mapping does not name are not looked after.
        made = {blueprint for blueprint, _ in self.valid}
        if blueprint not in made:
            return True
        # Port had to have it for a relation.
        return identifier in {
            target
            for one in self.valid.values()
            for target in one.relations.values()
            if isinstance(target, str)
        }

    def _mapped(self, document: Json) -> dict[str, Json]:
        """Return what the mapping speaks of: what an earlier one gave stays, by the flag for merging."""
        made = [
            entity
            for entry in MAPPINGS[self.mapping]["resources"]
            for entity in [entry["port"]["entity"]["mappings"]]
            if entity["blueprint"] == f'"{document["blueprint"]}"'
        ]
        return {
            "title": document.get("title") if any("title" in entity for entity in made) else None,
            "properties": self._named("properties", document, made),
            "relations": self._named("relations", document, made),
        }

    @staticmethod
    def _named(group: str, document: Json, made: Iterable[Json]) -> dict[str, Json]:
        names = {name for entity in made for name in entity.get(group, ())}
        return {name: value for name, value in document[group].items() if name in names}

    def _expected(self) -> Mapping[EntityKey, Expected]:
        return expected_catalog(self._http, MAPPINGS[self.mapping])

    def _watch_deletes(self) -> None:
        """Look at every delete at the moment it is done."""
        delete = self.port.catalog.delete

        def watched(keys: Iterable[EntityKey]) -> None:
            doomed = list(keys)
            self.counts["deletes"] += len(doomed)
            self.counts["entities that must not be deleted, at a delete"] += len(self.steady)
            for key in doomed:
                if key in self.steady:
                    self.wrong.append(f"{self.clock.now()}: {'/'.join(key)} was valid and is deleted")
            delete(doomed)

        setattr(self.port.catalog, "delete", watched)  # noqa: B010 - a method of one object
