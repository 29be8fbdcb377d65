"""Judges what a tortured installation has made of Port's catalog."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import yaml

from tests.oracle import differences, expected_catalog
from tests.pipeline.harness import TOKEN, Stage

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Writes:
    """What was done to entities at Port.

    Attributes:
        entities: Entities that ever were.
        versions: Versions of all of them.
        repeats: Writes that said nothing new: what dying and retrying costs.
        deletes: Entities that were deleted, each as often.
        falls: Versions that went back behind an earlier one.
    """

    entities: int
    versions: int
    repeats: int
    deletes: dict[Key, int]
    falls: dict[Key, int]


def read_writes(stage: Stage, ordered_by: str = "") -> Writes:
    """Return what Port has seen.

    Args:
        stage: Port's simulator.
        ordered_by: A property that grows with each version of an object.
    """
    answer = stage.port.http.get("/_sim/changes", params={"ordered_by": ordered_by}).raise_for_status()
    changes: list[dict[str, Any]] = answer.json()["changes"]

    def counted(what: str) -> dict[Key, int]:
        return {(one["blueprint"], one["identifier"]): one[what] for one in changes if one[what]}

    return Writes(
        entities=len(changes),
        versions=sum(one["versions"] for one in changes),
        repeats=sum(one["repeats"] for one in changes),
        deletes=counted("deletes"),
        falls=counted("falls"),
    )


def mistakes(stage: Stage, mapping: str, *, aside: Collection[Key] = ()) -> list[str]:
    """Return in what the catalog differs from what the mapping makes of PagerDuty as it is now.

    Args:
        stage: Both simulators.
        mapping: The mapping in force.
        aside: Entities not to be looked at.
    """
    http = stage.pagerduty.http
    http.headers.update(
        {"Authorization": f"Token token={TOKEN}", "Accept": "application/vnd.pagerduty+json;version=2"}
    )
    expected = expected_catalog(http, yaml.safe_load(mapping))
    held = stage.catalog()
    for blueprint, identifier in aside:
        expected.pop((blueprint, identifier), None)
        held.get(blueprint, {}).pop(identifier, None)
    return differences(expected, held, stage.blueprints())
