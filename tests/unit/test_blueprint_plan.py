"""Proves that blueprints are created in an order in which every reference finds its target."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.mapping import MappingFile
from services.fetcher.blueprint_plan import (
    CreationPlan,
    Step,
    constant_blueprints,
    plan_creation,
    targets_of,
    written_targets,
)


def blueprint(identifier: str, *targets: str, **more: Any) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "title": identifier.upper(),
        "schema": {"properties": {"url": {"type": "string"}}},
        "relations": {f"to-{one}": {"target": one, "required": False, "many": False} for one in targets},
        **more,
    }


def bare(identifier: str) -> dict[str, Any]:
    whole = blueprint(identifier)
    del whole["relations"]
    return whole


def create(body: Any) -> Step:
    return Step(body["identifier"], is_update=False, body=body)


def update(identifier: str, **body: Any) -> Step:
    return Step(identifier, is_update=True, body=body)


def test_blueprint_whose_targets_are_there_is_created_whole_after_them() -> None:
    incident, service, policy = (
        blueprint("incident", "service"),
        blueprint("service", "policy"),
        blueprint("policy"),
    )
    assert plan_creation([incident, service, policy], set()) == CreationPlan(
        (create(policy), create(service), create(incident))
    )


def test_target_that_port_has_is_not_waited_for() -> None:
    incident = blueprint("incident", "service")
    assert plan_creation([incident], {"service"}) == CreationPlan((create(incident),))


def test_blueprint_may_refer_to_itself() -> None:
    team = blueprint("team", "team")
    assert plan_creation([team], set()) == CreationPlan((create(team),))


def test_mutual_relations_are_made_in_three_stages_and_what_hangs_on_them_waits() -> None:
    mirrors = {"owner": {"path": "to-b.title"}}
    a, b, c = blueprint("a", "b", mirrorProperties=mirrors), blueprint("b", "a"), blueprint("c")
    over_a = blueprint("over-a", "a")
    assert plan_creation([a, b, c, over_a], set()) == CreationPlan(
        (
            create(c),
            create(bare("a")),
            create(bare("b")),
            create(bare("over-a")),
            update("a", relations=a["relations"]),
            update("b", relations=b["relations"]),
            update("over-a", relations=over_a["relations"]),
            update("a", mirrorProperties=mirrors),
        )
    )


def test_aggregation_of_a_blueprint_that_points_back_is_a_cycle() -> None:
    counts = {"open": {"title": "Open", "target": "incident", "calculationSpec": {}}}
    service, incident = blueprint("service", aggregationProperties=counts), blueprint("incident", "service")
    assert plan_creation([service, incident], set()).steps == (
        create(bare("service")),
        create(bare("incident")),
        update("incident", relations=incident["relations"]),
        update("service", aggregationProperties=counts),
    )


def test_relation_to_a_blueprint_that_is_not_there_is_left_out_with_what_needs_it() -> None:
    mirrors = {"lost": {"path": "to-service.title"}, "kept": {"path": "to-team.title"}}
    plan = plan_creation([blueprint("incident", "service", "team", mirrorProperties=mirrors)], {"team"})
    whole = blueprint("incident", "team", mirrorProperties={"kept": mirrors["kept"]})
    assert plan == CreationPlan(
        (create(whole),),
        (
            "blueprint incident: to-service is left out, for Port has no blueprint service; create that one "
            "and add it in Port if you want it",
        ),
    )


def test_only_names_that_stand_in_the_mapping_as_such_are_known_before() -> None:
    def entry(expression: str) -> Any:
        mappings = {"identifier": ".id", "blueprint": expression}
        return {"kind": "services", "port": {"entity": {"mappings": mappings}}}

    config = MappingFile.model_validate(
        {"resources": [entry('"a"'), entry("'b'"), entry(".type"), entry('"x" + .type'), entry('"a"')]}
    )
    assert constant_blueprints(config) == {"a", "b"}


def test_targets_of_relations_that_the_mapping_writes_are_wanted_too_and_no_others() -> None:
    def entry(expression: str, *relations: str) -> Any:
        written = {f"to-{name}": ".x" for name in relations}
        mappings = {"identifier": ".id", "blueprint": expression, "relations": written}
        return {"kind": "services", "port": {"entity": {"mappings": mappings}}}

    config = MappingFile.model_validate(
        {"resources": [entry('"a"', "b", "unknown"), entry(".type", "d"), entry('"foreign"', "e")]}
    )
    assert written_targets(config, [blueprint("a", "b", "c"), blueprint("b", "d")]) == {"b"}


NAMES = "abcdefgh"


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[dict[str, Any]], set[str]]:
    """Give definitions that refer to each other, to what Port has, and to what nobody has."""
    present = draw(st.sets(st.sampled_from(NAMES[5:])))
    names = draw(st.permutations(NAMES[:5]))[: draw(st.integers(0, 5))]
    targets = st.lists(st.sampled_from(NAMES), unique=True, max_size=4)
    return [blueprint(name, *draw(targets)) for name in names], present


@given(situations())
def test_every_plan_makes_each_blueprint_with_all_relations_that_can_be(
    situation: tuple[list[dict[str, Any]], set[str]],
) -> None:
    missing, present = situation
    made: dict[str, dict[str, Any]] = {}
    for step in plan_creation(missing, present).steps:
        assert step.is_update is (step.blueprint in made)
        made[step.blueprint] = {**made.get(step.blueprint, {}), **step.body}
        assert targets_of(made[step.blueprint]) <= {*made, *present}
    known = {*present, *(one["identifier"] for one in missing)}
    want = {
        one["identifier"]: blueprint(
            one["identifier"], *(name for name in map(_target, one["relations"].values()) if name in known)
        )
        for one in missing
    }
    assert {name: {"relations": {}, **body, "mirrorProperties": {}} for name, body in made.items()} == {
        name: {**body, "mirrorProperties": {}} for name, body in want.items()
    }


def _target(relation: dict[str, Any]) -> str:
    return str(relation["target"])
