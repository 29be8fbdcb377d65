"""Proves on generated cases that it makes no difference to a result whether libjq gave it."""

from tests.jq_differential import compare_forms, compare_topics

SEED = 20_260_501
MOST_REFUSED, MOST_LEFT = 2488, 8868
"""What of this series is left to libjq, expressions and results; fewer are better, more: a form is lost."""


def test_native_forms_give_what_libjq_gives() -> None:
    compared = compare_forms(SEED, 10_000)

    assert compared.differences == []
    assert compared.lacking(1) == {}
    assert (compared.refused <= MOST_REFUSED, compared.left <= MOST_LEFT) == (True, True), compared
    assert set(compared.classes) == {"value", "null", "no output", "error"}


def test_fused_programs_give_what_each_expression_gives_alone() -> None:
    compared = compare_topics(SEED, 400)

    assert compared.differences == []
    assert set(compared.classes) == {"value", "null", "no output", "error"}
