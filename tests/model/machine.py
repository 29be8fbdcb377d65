"""Lets hypothesis play PagerDuty's users, the user of the mapping, the operator, the weather and death."""

from collections import Counter
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from schemas.command import CommandType
from schemas.outcome import Reason
from tests.model.account import KINDS
from tests.model.mapping_texts import MAPPINGS
from tests.model.world import World

Json = Any

picks = st.integers(0, 1_000)
few = st.integers(1, 3)
PATHS = {
    "users": "/users(/.*)?",
    "escalation_policies": "/escalation_policies(/.*)?",
    "services": "/services(/.*)?",
    "incidents": "/incidents(/.*)?",
}
EMPTY: dict[str, Json] = {"limit": 100, "offset": 0, "total": 0, "more": False}
TROUBLES: list[Json] = [
    {},
    {"status": 403},
    {"status": 404},
    {"status": 404, "body": {"error": {"message": "Not Found", "code": 2100}}},
    {"status": 500},
    {"short_rows": 1},
    {"short_rows": 3},
    {"empty": True},
    {"shift": 1},
    {"shift": -1},
]
"""What may happen to a list; the first one: it is empty."""


def _on(path: str, times: int | None, after: int = 0, method: str | None = None, **action: Json) -> Json:
    match = {"path": path} if method is None else {"path": path, "method": method}
    return {"match": match, "after": after, "times": times, "action": action}


class Model(RuleBasedStateMachine):
    """One installation, and all that may happen to it."""

    world: World
    since_check = 0
    steps = 0
    """Taken so far by all examples of this process."""
    counts: ClassVar[Counter[str]] = Counter()
    """What happened in them."""

    @initialize(
        seed=st.integers(0, 2**16), mapping=st.sampled_from(sorted(MAPPINGS)), pages=st.integers(0, 5)
    )
    def begin(self, seed: int, mapping: str, pages: int) -> None:
        # Two pages, now and then: what shifts while it is read needs more than one.
        self.world = World(seed, users=102 if pages == 5 else 4, mapping=mapping)

    @rule(kind=st.sampled_from(KINDS), told=st.booleans())
    def create(self, kind: str, told: bool) -> None:
        note(self.world.account.create(kind, is_told=told))
        self._changed()

    @rule(kind=st.sampled_from(KINDS), pick=picks, told=st.booleans())
    def edit(self, kind: str, pick: int, told: bool) -> None:
        ids = self.world.account.ids(kind)
        if ids:
            self.world.account.edit(kind, ids[pick % len(ids)], is_told=told)
            self._changed()

    @rule(kind=st.sampled_from(KINDS), pick=picks, told=st.booleans(), orphans=st.integers(0, 7))
    def delete(self, kind: str, pick: int, told: bool, orphans: int) -> None:
        ids = self.world.account.ids(kind)
        if ids:
            chosen = ids[pick % len(ids)]
            self.world.account.delete(kind, chosen, is_told=told, orphans=orphans == 7)
            self._changed()

    @precondition(lambda self: self.world.account.mail)
    @rule(pick=picks, copies=few)
    def deliver(self, pick: int, copies: int) -> None:
        """In any order, several times, or never."""
        mail = self.world.account.mail
        for _ in range(copies):
            self.world.deliver(pick % len(mail))
        if pick % 2:
            del mail[pick % len(mail)]
        self._count()

    @rule(mapping=st.sampled_from(sorted(MAPPINGS)))
    def use(self, mapping: str) -> None:
        self.world.use(mapping)
        self._count()

    @rule(
        command=st.sampled_from(
            [CommandType.RESYNC, CommandType.RESYNC, CommandType.REPLAY, CommandType.STOP]
        )
    )
    def command(self, command: CommandType) -> None:
        self.world.command(command)
        self._count()

    @rule(kind=st.sampled_from(KINDS))
    def resync_kind(self, kind: str) -> None:
        self.world.command(CommandType.RESYNC, kind)
        self._count()

    @rule(
        kind=st.sampled_from(KINDS),
        gone=st.integers(0, 3),
        trouble=st.sampled_from(TROUBLES),
        after=st.integers(0, 2),
        times=st.integers(1, 4),
        command=st.sampled_from([CommandType.RESYNC, CommandType.RESYNC, CommandType.REPLAY]),
        kills=st.booleans(),
    )
    def run_in_trouble(
        self, kind: str, gone: int, trouble: Json, after: int, times: int, command: CommandType, kills: bool
    ) -> None:
        """Out of quiet: some objects go, and what looks for them is misled."""
        world = self.world
        world.fair_weather()
        world.until_quiet()
        for _ in range(gone):
            ids = world.account.ids(kind)
            if ids:
                world.account.delete(kind, world.random.choice(ids))
        world.changed()
        path = PATHS[kind] if "status" in trouble else f"/{kind}"
        body: Json = {"body": {kind: [], **EMPTY}} if trouble == {} else {}
        world.trouble("pagerduty", _on(path, times, after, **trouble, **body))
        world.command(command)
        if kills:
            world.take_steps(world.random.randrange(400))
            world.kill()
        world.pass_time(400.0)
        self._count()

    @rule(pick=picks)
    def plant(self, pick: int) -> None:
        """Somebody else makes an entity in one of our blueprints, under a name of his own."""
        blueprint = ("user", "service", "policy", "incident", "rule")[pick % 5]
        self.world.plant(blueprint, f"theirs-{pick}")
        self._count()

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 10.0, 60.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        self._count()

    @rule(turns=st.integers(0, 400))
    def kill(self, turns: int) -> None:
        self.world.take_steps(turns)
        self.world.kill()
        self._count()

    @rule(
        kind=st.sampled_from(KINDS),
        status=st.sampled_from([429, 500, 502, 503]),
        times=st.integers(1, 12),
        after=st.integers(0, 3),
    )
    def pagerduty_fails(self, kind: str, status: int, times: int, after: int) -> None:
        self.world.trouble("pagerduty", _on(PATHS[kind], times, after, status=status))
        self._count()

    @rule(kind=st.sampled_from(KINDS), status=st.sampled_from([402, 403]))
    def kind_is_forbidden(self, kind: str, status: int) -> None:
        self.world.trouble("pagerduty", _on(PATHS[kind], None, status=status))
        self._count()

    @rule(kind=st.sampled_from(KINDS), times=few)
    def list_is_empty(self, kind: str, times: int) -> None:
        self.world.trouble("pagerduty", _on(f"/{kind}", times, body={kind: [], **EMPTY}))
        self._count()

    @rule(
        kind=st.sampled_from(KINDS),
        odd=st.sampled_from(
            [{"short_rows": 2}, {"empty": True}, {"shift": 1}, {"shift": -1}, {"null_echo": True}]
        ),
        times=few,
        after=st.integers(0, 2),
    )
    def page_is_odd(self, kind: str, odd: Json, times: int, after: int) -> None:
        self.world.trouble("pagerduty", _on(f"/{kind}", times, after, **odd))
        self._count()

    @rule(status=st.sampled_from([429, 403, 500]), times=st.sampled_from([3, 40]))
    def enrichment_fails(self, status: int, times: int) -> None:
        self.world.trouble("pagerduty", _on("/(analytics/.*|oncalls)", times, status=status))
        self._count()

    @rule(
        action=st.sampled_from(
            [
                {"status": 500},
                {"status": 503},
                {"rate_limited": {"wait_s": 7}},
                {"rate_limited": {"wait_s": 7, "header": "http-date"}},
                {"expire_token": True},
                {"drop": "before"},
                {"drop_after_store": True},
            ]
        ),
        times=st.integers(1, 8),
        after=st.integers(0, 4),
    )
    def port_fails(self, action: Json, times: int, after: int) -> None:
        self.world.trouble("port", _on(".*", times, after, **action))
        self._count()

    @rule(index=st.integers(0, 3), status=st.sampled_from([429, 500, 503]), times=few)
    def item_fails(self, index: int, status: int, times: int) -> None:
        failed = {"index": index, "statusCode": status, "message": "not now"}
        self.world.trouble("port", _on(".*/entities/bulk", times, method="POST", fail_item=failed))
        self._count()

    @rule(index=st.integers(0, 3), times=few)
    def item_is_not_told_of(self, index: int, times: int) -> None:
        self.world.trouble("port", _on(".*/entities/bulk", times, method="POST", omit_index=index))
        self._count()

    @rule(index=st.integers(0, 3))
    def item_is_refused(self, index: int) -> None:
        failed = {"index": index, "statusCode": 422, "message": "refused by the script"}
        self.world.causes.add(Reason.REFUSED)
        self.world.trouble("port", _on(".*/entities/bulk", 1, method="POST", fail_item=failed))
        self._count()

    @rule(share=st.sampled_from([0.05, 0.3]))
    def network_loses(self, share: float) -> None:
        self.world.lose(share)
        self._count()

    @rule()
    def fair_weather(self) -> None:
        self.world.fair_weather()
        self.world.until_quiet()
        self._count()

    @precondition(lambda self: self.since_check > 15)
    @rule()
    def check_all(self) -> None:
        self.since_check = 0
        self.world.check_all()
        self._count()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.world:
            try:
                self.world.check_all()
            finally:
                self.counts.update(self.world.counts)

    def _changed(self) -> None:
        self.world.changed()
        self._count()

    def _count(self) -> None:
        self.world.take_steps(self.world.random.choice((0, 0, 20, 150)))
        self.since_check += 1
        type(self).steps += 1
