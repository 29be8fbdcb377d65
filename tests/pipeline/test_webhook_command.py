"""`pagerport webhook` as a user runs it: what there is, what is made, what is wrong, what is deleted."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import CLIENT_SECRET, PATIENCE_S, PROGRAM, TOKEN, Ended, Simulator, pagerduty

pytestmark = pytest.mark.pipeline
URL = "https://hooks.example/integration/webhook"

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulator]:
    with pagerduty("--account", "small") as one:
        yield one


@pytest.fixture(autouse=True)
def no_subscriptions(simulated: Simulator) -> None:
    state = simulated.state()
    state.pop("webhook_subscriptions", None)
    simulated.http.put("/_sim/state", json=state).raise_for_status()


@pytest.fixture
def run(simulated: Simulator, tmp_path: Path) -> Run:
    def run(*arguments: str, **more: str) -> Ended:
        environment = {
            "OCEAN__BASE_URL": "https://hooks.example/",
            "OCEAN__PORT__CLIENT_SECRET": CLIENT_SECRET,
            "OCEAN__INTEGRATION__CONFIG__TOKEN": TOKEN,
            "OCEAN__INTEGRATION__CONFIG__API_URL": simulated.url,
            **more,
        }
        ended = subprocess.run(
            [PROGRAM, "webhook", *arguments],
            env={name: text for name, text in environment.items() if text},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


def held(simulated: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = simulated.state().get("webhook_subscriptions", {})
    return found


def test_subscription_is_checked_made_shown_and_deleted(run: Run, simulated: Simulator) -> None:
    missing = run("check")
    empty = run("list")
    made = run("create")
    ((made_id, row),) = held(simulated).items()
    again = run("create")
    checked = run("check")
    listed = run("list", "--json")
    plain = run("list")
    deleted = run("delete", "--yes")

    assert (missing.code, missing.out) == (1, "")
    assert missing.err == (
        f"error: there is no subscription for {URL} (account) whose deliveries could be verified: "
        "`pagerport webhook create` makes one\n"
    )
    assert (empty.code, empty.out) == (
        0,
        "the account has no webhook subscription; `pagerport webhook create` makes one\n",
    )
    assert (made.code, made.out, made.err) == (0, f"made {made_id} for account\n", "")
    assert (again.code, again.out) == (0, f"nothing to do: {made_id} is as it should be\n")
    events = len(row["events"])
    assert (checked.code, checked.out) == (
        0,
        f"{made_id} delivers {events} types of events of account to {URL}\nit is as it should be\n",
    )
    assert json.loads(listed.out) == [
        {
            "id": made_id,
            "url": URL,
            "scope": "account",
            "events": sorted(row["events"]),
            "active": True,
            "temporarily_disabled": False,
            "description": "Keeps the Port catalog of my-pagerduty-integration up to date "
            "(made by pagerport)",
            "whose": "pagerport",
        }
    ]
    assert [part in plain.out for part in (made_id, URL, "account", "active", "pagerport")] == [True] * 5
    assert (deleted.code, deleted.out) == (0, f"{made_id} delivers to {URL}\ndeleted\n")
    assert held(simulated) == {}
    secret = row["delivery_method"]["secret"]
    token = row["delivery_method"]["custom_headers"][0]["value"]
    said = "".join(one.out + one.err for one in (missing, made, again, checked, listed, plain, deleted))
    assert [text for text in (secret, token, TOKEN, CLIENT_SECRET) if text in said] == []


def test_signing_secret_is_printed_only_when_asked_for(run: Run, simulated: Simulator) -> None:
    made = run("create", "--show-secret")
    ((made_id, row),) = held(simulated).items()

    assert made.out == (
        f"made {made_id} for account\nsigning secret of {made_id}: {row['delivery_method']['secret']}\n"
    )


def test_ping_is_sent_by_what_is_kept(run: Run, simulated: Simulator) -> None:
    receiver = simulated.url + "/abilities"
    run("create", "--url", receiver)
    (made_id,) = held(simulated)
    checked = run("check", "--ping", "--url", receiver)

    assert (checked.code, checked.out.splitlines()[-1]) == (0, f"sent a test event by {made_id}")
    routes = [row["route"] for row in simulated.counters()["counters"]]
    assert "/webhook_subscriptions/{id}/ping" in routes


@pytest.mark.parametrize(
    ("arguments", "variables", "line"),
    [
        (
            ["check"],
            {"OCEAN__BASE_URL": ""},
            "error: OCEAN__BASE_URL: is missing; set it to the public URL of the webhook gateway",
        ),
        (
            ["create", "--url", "hooks.example"],
            {},
            "error: --url or --scope: is not an http or https URL; give one",
        ),
        (
            ["create", "--scope", "planet"],
            {},
            "error: --url or --scope: must be account, service/<id> or team/<id>",
        ),
        (
            ["delete", "PNONE"],
            {},
            "error: there is no webhook subscription 'PNONE'; `pagerport webhook list` shows",
        ),
        (
            ["list"],
            {"OCEAN__INTEGRATION__CONFIG__TOKEN": ""},
            "error: OCEAN__INTEGRATION__CONFIG__TOKEN: is missing",
        ),
    ],
)
def test_mistake_costs_one_line_and_exit_2(
    run: Run, arguments: list[str], variables: dict[str, str], line: str
) -> None:
    ended = run(*arguments, **variables)

    assert (ended.code, len(ended.err.splitlines()), ended.out) == (2, 1, "")
    assert ended.err.startswith(line)


def test_refused_token_is_exit_3(run: Run) -> None:
    ended = run("list", OCEAN__INTEGRATION__CONFIG__TOKEN="u+wrongTokenXYZ")

    assert ended.code == 3
    assert "refuses the token" in ended.err
    assert "u+wrongTokenXYZ" not in ended.err


def test_nothing_is_deleted_without_a_yes(run: Run, simulated: Simulator) -> None:
    run("create")
    ended = run("delete")

    assert (ended.code, len(held(simulated))) == (2, 1)
    assert "give --yes to delete" in ended.err


def test_address_of_somebody_elses_subscription_steers_no_terminal(run: Run, simulated: Simulator) -> None:
    run("create")
    state = simulated.state()
    ((made_id, row),) = state["webhook_subscriptions"].items()
    row["delivery_method"]["url"] = "https://hooks.example/\x1b[31mred"
    simulated.http.put("/_sim/state", json=state).raise_for_status()

    ended = run("delete", made_id, "--yes")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{made_id} delivers to https://hooks.example/\\x1b[31mred\ndeleted\n"


@pytest.mark.parametrize("address", ["https://hooks.example", "https://hooks.example/"])
def test_address_without_a_path_gets_the_one_of_the_gateway(
    run: Run, simulated: Simulator, address: str
) -> None:
    made = run("create", "--url", address, OCEAN__BASE_URL="")

    assert made.code == 0, made.err
    assert [row["delivery_method"]["url"] for row in held(simulated).values()] == [URL]


def test_path_of_a_proxy_of_the_users_own_stays_as_it_is(run: Run, simulated: Simulator) -> None:
    run("create", "--url", "https://hooks.example/through/here", OCEAN__BASE_URL="")

    urls = [row["delivery_method"]["url"] for row in held(simulated).values()]
    assert urls == ["https://hooks.example/through/here"]
