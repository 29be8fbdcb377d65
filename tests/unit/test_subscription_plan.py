"""The plan for the webhook subscription: as a table, and what holds wherever carrying it out ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.subscription.found import Found, Scope, Wanted, read_found, same_address
from services.fetcher.subscription.plan import (
    LIMIT_PER_SCOPE,
    Cause,
    Create,
    Delete,
    Enable,
    Plan,
    Step,
    Update,
    Verdict,
    plan_care,
)
from shared.webhook_token import WebhookToken

URL = "https://hooks.example/integration/webhook"
TOKEN, OLD_TOKEN = WebhookToken("token-of-ours"), WebhookToken("token-of-before")
EVENTS = frozenset({"incident.triggered", "incident.resolved", "service.updated"})
ACCOUNT = Scope("account")
WANTED = Wanted(
    url=URL, scope=ACCOUNT, events=EVENTS, tokens=(TOKEN,), has_secret=False, description="for a test"
)
WITH_SECRET = replace(WANTED, has_secret=True)


def found(subscription_id: str = "P1", **changes: object) -> Found:
    """Return a subscription of ours that is as it should be; a test names what is not."""
    ours = Found(
        subscription_id=subscription_id,
        url=URL,
        scope=ACCOUNT,
        events=EVENTS,
        headers=frozenset({TOKEN.header.lower()}),
    )
    return replace(ours, **changes)  # type: ignore[arg-type]


def by_hand(subscription_id: str = "P1", **changes: object) -> Found:
    """Return one without our token."""
    return found(subscription_id, **{"headers": frozenset(), **changes})


OTHERS = [found(f"Q{number}", url=f"https://other{number}.example/") for number in range(LIMIT_PER_SCOPE)]
ALL = EVENTS | {"incident.danced"}

TABLE: dict[str, tuple[list[Found], Wanted, Plan]] = {
    "none": ([], WANTED, Plan(verdict=Verdict.CREATE, steps=(Create(),))),
    "ours as it should be": ([found()], WANTED, Plan(verdict=Verdict.NOTHING, kept=("P1",))),
    "ours with events that we do not know": (
        [found(events=ALL)],
        WANTED,
        Plan(verdict=Verdict.NOTHING, kept=("P1",)),
    ),
    "ours lacks events, and knows one that we do not": (
        [found(events=frozenset({"incident.triggered", "incident.danced"}))],
        WANTED,
        Plan(verdict=Verdict.UPDATE, steps=(Update("P1", ALL),), kept=("P1",)),
    ),
    "ours is switched off": (
        [found(is_disabled=True)],
        WANTED,
        Plan(verdict=Verdict.ENABLE, steps=(Enable("P1"),), kept=("P1",)),
    ),
    "ours is switched off and lacks events": (
        [found(is_disabled=True, events=frozenset())],
        WANTED,
        Plan(verdict=Verdict.ENABLE, steps=(Update("P1", EVENTS), Enable("P1")), kept=("P1",)),
    ),
    "ours is paused": (
        [found(is_active=False, is_disabled=True, events=frozenset())],
        WANTED,
        Plan(verdict=Verdict.PAUSED, kept=("P1",)),
    ),
    "two of ours": (
        [found("P2"), found("P1")],
        WANTED,
        Plan(verdict=Verdict.TIDY, steps=(Delete("P2", Cause.DUPLICATE),), kept=("P1",)),
    ),
    "two of ours, one of them switched off": (
        [found("P1", is_disabled=True), found("P2")],
        WANTED,
        Plan(verdict=Verdict.TIDY, steps=(Delete("P1", Cause.DUPLICATE),), kept=("P2",)),
    ),
    "one by hand that cannot be verified": (
        [by_hand()],
        WANTED,
        Plan(verdict=Verdict.REPLACE, steps=(Create(), Delete("P1", Cause.UNVERIFIABLE))),
    ),
    "one by hand, and its secret may be known": (
        [by_hand()],
        WITH_SECRET,
        Plan(verdict=Verdict.NOTHING, kept=("P1",)),
    ),
    "two by hand while the secret is rotated": (
        [by_hand("P1", is_disabled=True), by_hand("P2")],
        WITH_SECRET,
        Plan(verdict=Verdict.ENABLE, steps=(Enable("P1"),), kept=("P2", "P1")),
    ),
    "made with another token": (
        [found(headers=frozenset({OLD_TOKEN.header.lower()}))],
        WANTED,
        Plan(verdict=Verdict.REPLACE, steps=(Create(), Delete("P1", Cause.UNVERIFIABLE))),
    ),
    "made with a token that is still taken": (
        [found(headers=frozenset({OLD_TOKEN.header.lower()}))],
        replace(WANTED, tokens=(TOKEN, OLD_TOKEN)),
        Plan(verdict=Verdict.NOTHING, kept=("P1",)),
    ),
    "replacement that was cut off after its first half": (
        [by_hand("P1"), found("P2")],
        WANTED,
        Plan(verdict=Verdict.TIDY, steps=(Delete("P1", Cause.UNVERIFIABLE),), kept=("P2",)),
    ),
    "ten of others": (OTHERS, WANTED, Plan(verdict=Verdict.LIMIT_REACHED)),
    "nine of others and one that cannot be verified": (
        [*OTHERS[1:], by_hand()],
        WANTED,
        Plan(verdict=Verdict.REPLACE, steps=(Delete("P1", Cause.UNVERIFIABLE), Create())),
    ),
    "another scope is none of ours": (
        [found(scope=Scope("team", "PTEAM01"))],
        WANTED,
        Plan(verdict=Verdict.CREATE, steps=(Create(),)),
    ),
    "nothing to verify a new one with": (
        [],
        replace(WITH_SECRET, tokens=()),
        Plan(verdict=Verdict.NO_TOKEN),
    ),
    "nothing to verify any with": ([by_hand()], replace(WANTED, tokens=()), Plan(verdict=Verdict.NO_TOKEN)),
}


@pytest.mark.parametrize(("there", "wanted", "plan"), TABLE.values(), ids=TABLE)
def test_plan(there: list[Found], wanted: Wanted, plan: Plan) -> None:
    assert plan_care(there, wanted) == plan


def test_paused_one_is_gone_on_with_when_the_user_asks_for_it() -> None:
    plan = plan_care([found(is_active=False, is_disabled=True)], WANTED, activate=True)

    assert plan == Plan(verdict=Verdict.ENABLE, steps=(Update("P1", EVENTS), Enable("P1")), kept=("P1",))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://HOOKS.example:443/integration/webhook/", True),
        ("https://user:password@hooks.example/integration/webhook", True),
        ("http://hooks.example/integration/webhook", False),
        ("https://hooks.example:8443/integration/webhook", False),
        ("https://hooks.example/integration", False),
        ("https://hooks.example/Integration/webhook", False),
        ("https://hooks.example/integration/webhook?team=a", False),
        ("https://[broken", False),
        ("https://hooks.example:port/", False),
    ],
)
def test_addresses_are_compared_by_where_they_lead(other: str, *, same: bool) -> None:
    assert same_address(other, URL) is same


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": "P1"},
        {"id": "P1", "delivery_method": {}},
        {"id": None, "delivery_method": {"url": URL}},
        {"id": "P1", "delivery_method": []},
    ],
)
def test_row_without_id_or_address_is_no_subscription(row: dict[str, object]) -> None:
    assert read_found(row) is None


def test_row_with_parts_of_unknown_form_is_read_as_far_as_it_goes() -> None:
    row = {
        "id": "P1",
        "delivery_method": {"url": "https://u:p@h.example/x", "custom_headers": [7, {"name": "A"}, {}]},
        "events": ["incident.triggered", 7],
        "filter": {"type": "planet_reference", "id": "P9"},
        "active": None,
        "description": None,
    }
    read = read_found(row)

    assert read == Found(
        subscription_id="P1",
        url="https://u:p@h.example/x",
        scope=None,
        events=frozenset({"incident.triggered"}),
        headers=frozenset({"a", ""}),
    )
    assert read.shown_url == "https://h.example/x"


class Account:
    """What PagerDuty would do with the steps."""

    def __init__(self, there: list[Found], wanted: Wanted) -> None:
        self.held = {one.subscription_id: one for one in there}
        self._wanted = wanted
        self._made = 0

    def take(self, step: Step) -> None:
        match step:
            case Create():
                in_scope = [one for one in self.held.values() if one.scope == self._wanted.scope]
                assert len(in_scope) < LIMIT_PER_SCOPE
                self._made += 1
                made_id = f"NEW{self._made}"
                header = self._wanted.tokens[0].header.lower()
                self.held[made_id] = found(
                    made_id, scope=self._wanted.scope, headers=frozenset({header}), events=self._wanted.events
                )
            case Update(subscription_id, events):
                self.held[subscription_id] = replace(
                    self.held[subscription_id], events=events, is_active=True
                )
            case Enable(subscription_id):
                self.held[subscription_id] = replace(self.held[subscription_id], is_disabled=False)
            case Delete(subscription_id):
                del self.held[subscription_id]

    def working(self) -> set[str]:
        """Ids of those whose deliveries come and are taken."""
        return {
            one.subscription_id
            for one in self.held.values()
            if one.is_active
            and not one.is_disabled
            and one.scope == self._wanted.scope
            and same_address(one.url, self._wanted.url)
            and (self._wanted.has_secret or one.headers & self._wanted.token_headers)
        }


headers_drawn = st.sampled_from([frozenset(), {TOKEN.header.lower()}, {OLD_TOKEN.header.lower()}]).map(
    frozenset
)
accounts = st.lists(
    st.builds(
        Found,
        subscription_id=st.uuids().map(str),
        url=st.sampled_from([URL, URL + "/", "https://other.example/"]),
        scope=st.sampled_from([ACCOUNT, Scope("team", "PTEAM01"), None]),
        events=st.frozensets(st.sampled_from(sorted(ALL))),
        is_active=st.booleans(),
        is_disabled=st.booleans(),
        headers=headers_drawn,
    ),
    max_size=14,
    unique_by=lambda one: one.subscription_id,
).filter(lambda there: sum(one.scope == ACCOUNT for one in there) <= LIMIT_PER_SCOPE)
wishes = st.builds(
    lambda tokens, has_secret: replace(WANTED, tokens=tokens, has_secret=has_secret),
    st.sampled_from([(TOKEN,), (TOKEN, OLD_TOKEN), (OLD_TOKEN,), ()]),
    st.booleans(),
)


@given(accounts, wishes, st.integers(min_value=0, max_value=20), st.booleans())
def test_wherever_a_plan_is_cut_off_the_next_one_goes_on_to_the_same_good_end(
    there: list[Found], wanted: Wanted, cut_at: int, activate: bool
) -> None:
    account = Account(there, wanted)
    working = account.working()
    foreign = {
        one.subscription_id: one
        for one in there
        if one.scope != wanted.scope or not same_address(one.url, wanted.url)
    }

    def carry_out(limit: int) -> Plan:
        plan = plan_care(list(account.held.values()), wanted, activate=activate)
        for step in plan.steps[:limit]:
            account.take(step)
            if working:
                assert account.working()  # no moment without events
        return plan

    carry_out(cut_at)
    carry_out(100)
    last = carry_out(100)

    assert last.steps == ()
    assert {key: account.held.get(key) for key in foreign} == foreign
    if last.verdict is Verdict.NOTHING:
        assert account.working()
        assert wanted.events <= frozenset().union(
            *(account.held[subscription_id].events for subscription_id in account.working())
        )
    else:
        assert last.verdict in {Verdict.LIMIT_REACHED, Verdict.NO_TOKEN, Verdict.PAUSED}
