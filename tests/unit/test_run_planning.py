"""Proves that a plan counts each entity once, says which paths change, and shows a few of them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import Origin
from schemas.run_plan import BlueprintPlan, PlannedUpdate, PlannedValue, RunPlan
from services.writer.change import Change
from services.writer.planning import EXAMPLES, PlanRecorder


def change(identifier: Any, blueprint: str = "app", **body: Any) -> Change:
    return Change(
        index=0,
        is_delete=False,
        origin=Origin.RESYNC,
        run_id="run-1",
        kind="services",
        object_id=f"P{identifier}",
        blueprint=blueprint,
        identifier=identifier,
        body=body,
    )


def plan_of(recorder: PlanRecorder, blueprint: str = "app") -> BlueprintPlan:
    return recorder.plan([]).blueprints[blueprint]


def test_plan_says_per_blueprint_what_becomes_of_its_entities() -> None:
    recorder = PlanRecorder()
    recorder.create(change("a", title="A"))
    recorder.update(
        change("b", title="B", properties={"url": "https://new", "gone": None}, relations={"team": "t2"}),
        {"title": "old", "properties": {"gone": [1, 2]}, "relations": {"team": "t1"}},
        ("title", "properties.url", "properties.gone", "relations.team"),
    )
    recorder.leave(change("c"))
    recorder.delete(change("d"))
    recorder.send_unseen(change({"combinator": "and", "rules": []}))
    recorder.leave(change("x", "other"))
    assert recorder.plan(["new"]) == RunPlan(
        created_blueprints=["new"],
        blueprints={
            "app": BlueprintPlan(
                created=1,
                updated=1,
                unchanged=1,
                deleted=1,
                unknown=1,
                properties={"properties.gone": 1, "properties.url": 1, "relations.team": 1, "title": 1},
                created_examples=["a"],
                updated_examples=[
                    PlannedUpdate(
                        identifier="b",
                        kind="services",
                        object_id="Pb",
                        values=(
                            PlannedValue(path="title", old='"old"', new='"B"'),
                            PlannedValue(path="properties.url", old="", new='"https://new"'),
                            PlannedValue(path="properties.gone", old="[1,2]", new=""),
                            PlannedValue(path="relations.team", old='"t1"', new='"t2"'),
                        ),
                    )
                ],
            ),
            "other": BlueprintPlan(unchanged=1),
        },
    )


def test_entity_of_several_changes_counts_once() -> None:
    recorder = PlanRecorder()
    recorder.create(change("a"))
    recorder.create(change("a"))
    recorder.update(change("b", title="1"), {}, ("title",))
    recorder.leave(change("b"))
    recorder.update(change("b", title="2", icon="i"), {}, ("title", "icon"))
    plan = plan_of(recorder)
    assert (plan.created, plan.updated, plan.unchanged) == (1, 1, 0)
    assert plan.properties == {"title": 1, "icon": 1}
    assert (plan.created_examples, len(plan.updated_examples)) == (["a"], 1)


def test_examples_are_few_and_long_values_short() -> None:
    recorder = PlanRecorder()
    for number in range(EXAMPLES + 3):
        recorder.create(change(f"new-{number}"))
        recorder.update(change(f"old-{number}", title="x" * 500), {"title": None}, ("title",))
    plan = plan_of(recorder)
    assert plan.created_examples == [f"new-{number}" for number in range(EXAMPLES)]
    assert [one.identifier for one in plan.updated_examples] == [
        f"old-{number}" for number in range(EXAMPLES)
    ]
    assert plan.updated_examples[0].values == (PlannedValue(path="title", new='"' + "x" * 58 + "…"),)


def test_identifier_and_search_query_of_the_same_text_are_two_entities() -> None:
    recorder = PlanRecorder()
    recorder.leave(change('{"a":1}'))
    recorder.leave(change({"a": 1}))
    assert plan_of(recorder).unchanged == 2


FATES = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["create", "update", "leave"])))


@given(FATES)
def test_every_entity_is_in_one_number(fates: list[tuple[str, str]]) -> None:
    recorder = PlanRecorder()
    for name, fate in fates:
        if fate == "update":
            recorder.update(change(name), {}, (f"properties.{name}",))
        else:
            getattr(recorder, fate)(change(name))
    for plan in recorder.plan([]).blueprints.values():
        of = {name: {fate for one, fate in fates if one == name} for name, _ in fates}
        assert plan.created == sum("create" in one for one in of.values())
        assert plan.updated == sum("update" in one and "create" not in one for one in of.values())
        assert plan.created + plan.updated + plan.unchanged == len(of)
        assert sum(plan.properties.values()) == plan.updated
