"""The gateway lets in what is authentic, and publishes nothing of what is not."""

import pytest

from services.webhook_gateway.counters import Refusal
from services.webhook_gateway.reception import BODY_LIMIT_BYTES
from shared.webhook_token import derive_token, installation_tokens
from tests.service.gateway_setting import CLIENT_SECRET, SECRET, bench, event_body, settings, signature

BODY = event_body()
RIGHT = signature(BODY)
OTHER = signature(BODY, "another secret")
HEX = RIGHT.removeprefix("v1=")
TOKEN = derive_token(CLIENT_SECRET, "eu")

ACCEPTED = {
    "right": RIGHT,
    "right among several": f"{OTHER},{RIGHT}",
    "right among several, with blanks": f" {OTHER} , {RIGHT} ",
    "upper-case hex": "v1=" + HEX.upper(),
    "right beside another version": f"v2={HEX},{RIGHT}",
}
SIGNED = {"X-PagerDuty-Signature": RIGHT}
REFUSED = {
    "missing": None,
    "empty": "",
    "made with another secret": OTHER,
    "several, none of them right": f"{OTHER},{signature(BODY, 'a third secret')}",
    "wrong version": f"v2={HEX}",
    "version in capitals": f"V1={HEX}",
    "without version": HEX,
    "not hex": "v1=" + "zz" * 32,
    "cut off": RIGHT[:-2],
    "too long": RIGHT + "00",
    "not ASCII": "v1=\u00e9" + HEX[1:],
    "only commas": ",,,",
}


@pytest.mark.parametrize("header", ACCEPTED.values(), ids=ACCEPTED)
async def test_right_signature_is_taken(header: str) -> None:
    async with bench() as gateway:
        status = await gateway.post(BODY, {"X-PagerDuty-Signature": header})
        published = await gateway.published()

    assert (status, [record.value for record in published]) == (202, [BODY])


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED)
async def test_wrong_signature_is_refused_and_nothing_is_published(header: str | None) -> None:
    async with bench() as gateway:
        answer = await gateway.http.post(
            "/integration/webhook",
            content=BODY,
            headers=[] if header is None else [(b"x-pagerduty-signature", header.encode("latin-1"))],
        )
        published = await gateway.published()

    assert (answer.status_code, published) == (401, [])
    assert answer.json() == {"status": "error", "message": "the signature is missing or wrong"}
    reason = Refusal.UNPROVEN if header is None else Refusal.UNVERIFIED
    assert gateway.app.counters.refused[reason] == 1


@pytest.mark.parametrize("at", [0, len(BODY) // 2, len(BODY) - 1])
async def test_body_changed_by_one_byte_is_refused(at: int) -> None:
    changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
    async with bench() as gateway:
        status = await gateway.post(changed, {"X-PagerDuty-Signature": RIGHT})
        published = await gateway.published()

    assert (status, published) == (401, [])


@pytest.mark.parametrize("secret", ["old", "new"])
async def test_while_a_secret_is_rotated_both_are_good(secret: str) -> None:
    async with bench(settings(secrets="old,new")) as gateway:
        good = await gateway.post(BODY, {"X-PagerDuty-Signature": signature(BODY, secret)})
        bad = await gateway.post(BODY, {"X-PagerDuty-Signature": signature(BODY, "old,new")})
        published = await gateway.published()

    assert (good, bad, len(published)) == (202, 401, 1)


async def test_repeated_signature_header_counts_as_one_list() -> None:
    async with bench() as gateway:
        answer = await gateway.http.post(
            "/integration/webhook",
            content=BODY,
            headers=[("X-PagerDuty-Signature", OTHER), ("X-PagerDuty-Signature", RIGHT)],
        )

    assert answer.status_code == 202


async def test_empty_body_is_verified_and_then_ignored_for_there_is_no_event_in_it() -> None:
    async with bench() as gateway:
        unsigned = await gateway.post(b"")
        right = await gateway.signed(b"")
        wrong = await gateway.post(b"", {"X-PagerDuty-Signature": RIGHT})
        published = await gateway.published()

    assert (unsigned, right, wrong, published) == (401, 202, 401, [])
    assert gateway.app.counters.ignored == 1


async def test_largest_body_is_taken_and_one_byte_more_is_refused() -> None:
    largest = BODY + b" " * (BODY_LIMIT_BYTES - len(BODY))
    too_large = largest + b" "
    async with bench() as gateway:
        taken = await gateway.signed(largest)
        refused = await gateway.signed(too_large)
        published = await gateway.published()

    assert (taken, refused) == (202, 413)
    assert [record.value for record in published] == [largest]


async def test_body_of_a_request_without_any_proof_is_not_read() -> None:
    read = 0

    async def body() -> object:
        nonlocal read
        read += 1
        yield BODY

    async with bench() as gateway:
        guessed = {TOKEN.header: TOKEN.value[:-1] + "x"}
        answer = await gateway.http.post("/integration/webhook", content=body(), headers=guessed)  # type: ignore[arg-type]

    assert (answer.status_code, answer.headers["connection"], read) == (401, "close", 0)
    assert gateway.app.counters.bytes_in_hand_peak == 0


async def test_too_large_body_without_announced_length_is_refused_while_it_comes() -> None:
    read = 0

    async def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65_536

    async with bench() as gateway:
        answer = await gateway.http.post("/integration/webhook", content=endless(), headers=SIGNED)  # type: ignore[arg-type]
        published = await gateway.published()

    assert (answer.status_code, published) == (413, [])
    assert read < 20


async def test_token_of_the_installation_stands_for_a_signature_that_cannot_be_checked() -> None:
    async with bench(settings(secrets="")) as gateway:
        right = await gateway.post(BODY, {TOKEN.header: TOKEN.value, "X-PagerDuty-Signature": OTHER})
        wrong = await gateway.post(BODY, {TOKEN.header: TOKEN.value[:-1] + "x"})
        other_name = await gateway.post(BODY, {"X-Pagerport-Token-00000000": TOKEN.value})
        missing = await gateway.post(BODY, {"X-PagerDuty-Signature": RIGHT})
        published = await gateway.published()

    assert (right, wrong, other_name, missing, len(published)) == (202, 401, 401, 401, 1)


async def test_tokens_that_were_set_take_the_place_of_the_derived_one() -> None:
    chosen = settings(tokens="first-token,second-token")
    first, second = installation_tokens(chosen)
    async with bench(chosen) as gateway:
        statuses = [await gateway.post(BODY, {token.header: token.value}) for token in (first, second, TOKEN)]

    assert (first.value, second.value, statuses) == ("first-token", "second-token", [202, 202, 401])


async def test_no_proof_reaches_the_log_nor_any_refusal_the_log_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench() as gateway:
        await gateway.signed(
            BODY,
            Authorization="Basic c2VjcmV0OnNlY3JldA==",
            Cookie="session=tasty",
            Proxy_Authorization="Basic cHJveHk=",
            **{TOKEN.header: TOKEN.value, "X-Pagerport-Token-ffffffff": "of another installation"},
        )
        await gateway.post(BODY, {"X-PagerDuty-Signature": OTHER, TOKEN.header: "guessed"})
        (record,) = await gateway.published()

    travelled = b"\n".join(value or b"" for _, value in record.headers)
    secrets = (HEX, "c2Vj", "tasty", "cHJv", TOKEN.value, "of another installation")
    assert [text for text in secrets if text.encode() in travelled] == []
    assert [text for text in (*secrets, OTHER, SECRET, "guessed") if text in caplog.text] == []
    assert "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET" in caplog.text
