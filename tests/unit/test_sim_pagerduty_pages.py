"""Lists come in pages: classic, by cursor, by after and before, or whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.pagerduty.account import SMALL, Sizes
from simulators.pagerduty.pages import page_body
from simulators.pagerduty.parameters import Value
from simulators.pagerduty.resources import RESOURCES
from tests.unit.sim_pagerduty_client import NOW, client, held, incident, numbers, simulator

BY_PATH = {resource.path: resource for resource in RESOURCES}
SERVICES = Sizes(services=130, incidents=0, users=3, teams=1, schedules=1, v3_schedules=0, policies=1)


async def test_page_has_25_rows_and_no_total_unless_asked() -> None:
    async with client(simulator(SERVICES)) as pagerduty:
        page = (await pagerduty.get("/services")).json()

    assert len(page.pop("services")) == 25
    assert page == {"limit": 25, "offset": 0, "more": True, "total": None}


async def test_limit_over_the_maximum_is_brought_down_and_echoed_so() -> None:
    async with client(simulator(SERVICES)) as pagerduty:
        page = (await pagerduty.get("/services?limit=1000&offset=50&total=true")).json()

    assert len(page.pop("services")) == 80
    assert page == {"limit": 100, "offset": 50, "more": False, "total": 130}


async def test_page_past_the_end_is_empty_and_the_last() -> None:
    async with client(simulator(SERVICES)) as pagerduty:
        page = (await pagerduty.get("/services?limit=100&offset=200&total=1")).json()

    assert page == {"services": [], "limit": 100, "offset": 200, "more": False, "total": 130}


async def test_last_page_below_the_cap_is_served() -> None:
    async with client(simulator(SERVICES)) as pagerduty:
        answer = await pagerduty.get("/services?limit=100&offset=9900")

    assert answer.json() == {"services": [], "limit": 100, "offset": 9900, "more": False, "total": None}


async def test_shift_schedules_come_100_to_a_page_and_as_references() -> None:
    app = simulator()
    schedule = next(iter(app.store.rows("v3/schedules").values()))
    async with client(app) as pagerduty:
        page = (await pagerduty.get("/v3/schedules?limit=5000")).json()
        default = (await pagerduty.get("/v3/schedules")).json()

    reference = {name: schedule[name] for name in ("id", "summary", "self", "html_url")}
    assert page == {
        "schedules": [{**reference, "type": "schedule_v3_reference"}],
        "limit": 1000,
        "offset": 0,
        "more": False,
        "total": None,
    }
    assert default["limit"] == 100


async def test_cursor_leads_through_all_rows_once() -> None:
    records = {
        f"R{number}": {"id": f"R{number}", "execution_time": "2026-07-01T10:00:00Z", "action": "update"}
        for number in range(7)
    }
    seen, limits, cursor = [], [], None
    async with client(simulator(account={"audit/records": records})) as pagerduty:
        while True:
            params = {"limit": "3"} if cursor is None else {"limit": "3", "cursor": cursor}
            page = (await pagerduty.get("/audit/records", params=params)).json()
            seen += [row["id"] for row in page["records"]]
            limits.append(page["limit"])
            cursor = page["next_cursor"]
            if cursor is None:
                break

    assert (seen, limits) == (list(records), [3, 3, 3])


async def test_after_leads_forward_and_before_leads_back() -> None:
    settings_held = {f"P{number}": {"id": f"P{number}", "services": []} for number in range(5)}
    async with client(simulator(account={"alert_grouping_settings": settings_held})) as pagerduty:
        first = (await pagerduty.get("/alert_grouping_settings?limit=2")).json()
        second = (
            await pagerduty.get(
                "/alert_grouping_settings?limit=2", params={"limit": 2, "after": first["after"]}
            )
        ).json()
        back = (
            await pagerduty.get("/alert_grouping_settings", params={"limit": 2, "before": second["before"]})
        ).json()

    ids = [[row["id"] for row in page["alert_grouping_settings"]] for page in (first, second, back)]
    assert ids == [["P0", "P1"], ["P2", "P3"], ["P0", "P1"]]
    assert (first["before"], first["total"], back["before"]) == (None, None, None)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/event_orchestrations", "orchestrations"),
        ("/incidents/types", "incident_types"),
        ("/services/custom_fields", "fields"),
        ("/business_services/impacts", "services"),
        ("/recommendations/event_orchestrations/rules", "recommended_rules"),
    ],
)
async def test_wrapper_key_is_the_documented_one(path: str, key: str) -> None:
    async with client(simulator(account={})) as pagerduty:
        page = (await pagerduty.get(path)).json()

    assert page[key] == []


@given(
    count=st.integers(0, 60),
    limit=st.integers(1, 120),
    offset=st.integers(0, 80),
    total=st.booleans(),
)
@settings(max_examples=60)
def test_page_is_the_slice_that_limit_and_offset_name(
    count: int, limit: int, offset: int, total: bool
) -> None:
    keys = tuple(str(number) for number in range(count))
    values: dict[str, Value] = {"limit": limit, "offset": offset, "total": total}

    body = page_body(BY_PATH["/teams"], values, keys, str.encode)

    rows = ",".join(keys[offset : offset + min(limit, 100)])
    more = str(offset + min(limit, 100) < count).lower()
    said = count if total else "null"
    assert body.decode() == (
        f'{{"teams":[{rows}],"limit":{min(limit, 100)},"offset":{offset},"more":{more},"total":{said}}}'
    )


async def test_incidents_come_in_order_of_creation_whatever_the_order_held() -> None:
    day = "2026-06-2{}T00:00:00Z"
    account = held(*(incident(number, day.format(number)) for number in (3, 1, 2)))
    async with client(simulator(account=account)) as pagerduty:
        answer = await pagerduty.get("/incidents")

    assert numbers(answer) == [1, 2, 3]


async def test_rows_read_again_after_a_change_are_the_changed_ones() -> None:
    app = simulator(account=held(incident(1, "2026-06-20T00:00:00Z")))
    async with client(app) as pagerduty:
        before = numbers(await pagerduty.get("/incidents"))
        app.store.put("incidents", "Q0000000000002", incident(2, "2026-06-21T00:00:00Z"))
        after = numbers(await pagerduty.get("/incidents"))
        app.store.delete("incidents", "Q0000000000001")
        last = numbers(await pagerduty.get("/incidents"))

    assert (before, after, last) == ([1], [1, 2], [2])


async def test_every_list_of_the_table_answers_with_its_key() -> None:
    app = simulator(SMALL)
    bounds = {"since": "2026-06-30T00:00:00Z", "until": "2026-07-01T00:00:00Z"}
    answered = {}
    async with client(app, **{"X-EARLY-ACCESS": "ip-allow-lists"}) as pagerduty:
        for resource in RESOURCES:
            if "{" in resource.path:
                continue
            params = bounds if resource.kind == "notifications" else {}
            page = (await pagerduty.get(resource.path, params=params)).json()
            answered[resource.path] = isinstance(page[resource.key], list)

    assert answered == {resource.path: True for resource in RESOURCES if "{" not in resource.path}
    assert app.log.count(status=200) == len(answered)
    assert app.log.requests[0].started_at == NOW
