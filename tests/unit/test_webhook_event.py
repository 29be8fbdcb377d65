"""What travels for an event: whose it is is found in any body, and the request around it is read back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import RecordHeaders
from schemas.webhook_event import EVENT_KINDS, WebhookRequest, event_of, object_id_of
from services.webhook_gateway.judgement import Treatment, judge
from services.webhook_gateway.record import webhook_record
from services.webhook_gateway.signature import is_signed
from tests.service.gateway_setting import NOW, signature

REFERENCE = {"id": "Q1", "type": "incident_reference"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
known_names = st.sampled_from(["id", "type", "incident", "service", "incident_role_assignments", "data"])
event_like = st.dictionaries(known_names, json_values | st.dictionaries(known_names, json_values), max_size=4)


@pytest.mark.parametrize(
    ("data", "kind", "object_id"),
    [
        ({"id": "Q1", "type": "incident"}, "incidents", "Q1"),
        ({"id": "Q1", "type": "incident_reference"}, "incidents", "Q1"),
        ({"id": "PNOTE", "type": "incident_note", "incident": REFERENCE}, "incidents", "Q1"),
        ({"type": "incident_responder", "incident": REFERENCE}, "incidents", "Q1"),
        ({"incident_role_assignments": [{}, {"incident": REFERENCE}]}, "incidents", "Q1"),
        ({"id": "P1", "type": "service"}, "services", "P1"),
        ({"type": "service_field_values", "service": {"id": "P1"}}, "services", "P1"),
        ({"id": "PNOTE", "type": "incident_note"}, "incidents", None),
        ({"id": "P1", "type": "service"}, "incidents", None),
        ({"id": "", "type": "incident"}, "incidents", None),
        ({"id": "Q1\n", "type": "incident"}, "incidents", None),
        ({"id": "Q" * 201, "type": "incident"}, "incidents", None),
        ({"incident_role_assignments": []}, "incidents", None),
        ({"incident_role_assignments": {"incident": REFERENCE}}, "incidents", None),
        ([], "incidents", None),
        (None, "incidents", None),
    ],
)
def test_object_of_an_event(data: Any, kind: str, object_id: str | None) -> None:
    assert object_id_of({"data": data}, kind) == object_id


@given(json_values, event_like, st.sampled_from(["incidents", "services"]))
def test_any_json_has_an_event_with_an_object_or_has_none(document: object, data: object, kind: str) -> None:
    event_of(document)
    found = object_id_of({"data": data}, kind)
    assert found is None or (found.isascii() and found.isprintable())


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda event_type, data, extra: json.dumps(
            {"event": {"event_type": event_type, "data": data, **extra}}
        ).encode(),
        st.sampled_from([*EVENT_KINDS, "pagey.ping", "new.type", "", None]),
        event_like,
        st.dictionaries(st.sampled_from(["id", "resource_type"]), json_values),
    )
)
def test_any_authentic_body_is_published_pinged_or_ignored_and_makes_a_record(body: bytes) -> None:
    judgement = judge(body)
    if judgement.treatment is not Treatment.PUBLISH:
        return
    record = webhook_record(
        judgement, body, headers=[], query=b"", source="pagerport/eu/gateway", received_at=NOW
    )
    kind, slash, rest = (record.key or b"").decode().partition("/")
    assert (kind in {"incidents", "services", "unreadable"}, slash, bool(rest)) == (True, "/", True)
    assert record.value == body
    assert RecordHeaders.decode(record.headers).subject == judgement.object_id


@given(st.binary(max_size=300), st.text(min_size=1, max_size=20), st.integers(min_value=0, max_value=299))
def test_signature_holds_for_its_body_and_for_no_other(body: bytes, secret: str, at: int) -> None:
    values = [signature(body, secret).encode()]
    key = secret.encode()

    assert is_signed(values, body, [b"another", key]) is True
    assert is_signed(values, body + b"x", [key]) is False
    if body:
        at %= len(body)
        assert is_signed(values, body[:at] + bytes([body[at] ^ 128]) + body[at + 1 :], [key]) is False


def test_request_is_read_back_from_the_headers_of_a_record() -> None:
    pairs = [
        ("ce_id", b"1"),
        ("http_header_x-team", b"a"),
        ("http_header_x-team", b"b"),
        ("http_header_x-odd", b"caf\xe9"),
        ("http_header_x-null", None),
        ("http_query", b"a=1&b=2&a=3&a=4&c=&d=%E2%82%AC+x"),
    ]

    assert WebhookRequest.decode(pairs) == WebhookRequest(
        headers={"x-team": "a, b", "x-odd": "café", "x-null": ""},
        query={"a": ["1", "3", "4"], "b": "2", "c": "", "d": "€ x"},
    )
    assert WebhookRequest.decode([("ce_id", b"1")]) == WebhookRequest()
