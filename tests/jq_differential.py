"""Compares what is evaluated without libjq with libjq itself, on generated expressions and documents."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any

from services.mapper.documents import read_document
from services.mapper.mapped import RawObject
from services.mapper.native import LEFT_TO_LIBJQ, Result, native
from services.mapper.native_calls import CALLS
from services.mapper.native_forms import FORMS, OPERATIONS
from services.mapper.native_functions import FORMATS, WITH_KEY, WITH_TEXT, WITHOUT_ARGUMENTS
from services.mapper.programs import Rows, TopicPrograms
from shared.jq_engine import ExpressionError, LibjqEngine, runnable_text
from shared.jq_parser import parse
from shared.jq_reads import reads_of
from shared.jq_tree import Binary, Call, Format, Node, parts_of
from tests.jq_documents import CLOSE, Documents
from tests.jq_expressions import Expressions
from tests.mapper_builders import INCIDENTS, a_plan, an_entry

Json = Any
Document = tuple[Json, str]
"""As it is parsed, and its JSON."""

DOCUMENTS_EACH = 4
"""So many documents are tried on each expression."""
DIFFERENCES_KEPT = 20

NATIVE_FORMS = frozenset(
    {
        *(part.__name__ for part in FORMS if part not in (Call, Binary, Format)),
        *(f"@{name}" for name in FORMATS),
        *(f"{operator} operator" for operator in (*OPERATIONS, "//", "and", "or")),
        *(f"{name}/0" for name in (*WITHOUT_ARGUMENTS, "empty", "values")),
        *(f"{name}/{number}" for name, number in CALLS),
        *(f"{name}/1" for name in (*WITH_TEXT, *WITH_KEY)),
    }
)
"""Every form that is evaluated without libjq."""


@dataclass
class Compared:
    """How a series of comparisons went.

    Attributes:
        cases: Comparisons of a result with libjq's.
        refused: Expressions that do not run natively at all.
        left: Results that were left to libjq.
        forms: Per native form, in how many of the cases it stood.
        classes: Cases per class of what libjq gave.
        differences: What differed, in words; the first ones.
        different: How many did.
    """

    cases: int = 0
    refused: int = 0
    left: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    different: int = 0

    def differ(self, says: str) -> None:
        self.different += 1
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(says)

    def lacking(self, least: int) -> dict[str, int]:
        """Return the native forms that stood in fewer cases than they should."""
        return {form: self.forms[form] for form in sorted(NATIVE_FORMS) if self.forms[form] < least}


def compare_forms(seed: int, cases: int) -> Compared:
    """Compare native getters with libjq, expression by expression."""
    random = Random(seed)  # noqa: S311 - a series that can be named
    expressions, documents = Expressions(random), some_documents(random, 500)
    close = [_read(body.encode()) for body in CLOSE]
    compared = Compared()
    texts = chain(expressions.each_form(), iter(expressions.text, None))
    while compared.cases < cases:
        text = next(texts)
        get = native(text)
        if get is None:
            compared.refused += 1
            continue
        try:
            program = LibjqEngine().compile(text)
        except ExpressionError as error:
            compared.differ(f"{text!r} runs, but does not compile: {error.message}")
            continue
        forms = forms_in(text)
        tried = (*random.sample(documents, DOCUMENTS_EACH), random.choice(close))
        # One document will do for what reads none.
        for document, body in tried[: None if reads_of(text) != () else 1]:
            given = get(document)
            if given is LEFT_TO_LIBJQ:
                compared.left += 1
                continue
            compared.cases += 1
            compared.forms.update(forms)
            try:
                expected: Result = program.first(body)
            except ExpressionError as error:
                expected = {"e": error.message}
            compared.classes[class_of(expected)] += 1
            if plain(given) != plain(expected):
                compared.differ(f"{text!r} gives {given!r}, libjq {expected!r}, on {body}")
    return compared


def compare_topics(seed: int, cases: int) -> Compared:
    """Compare a topic's programs with every expression run alone; a case is one object of one mapping."""
    random = Random(seed)  # noqa: S311 - a series that can be named
    expressions, documents = Expressions(random), some_documents(random, 500)
    compared = Compared()
    while compared.cases < cases:
        entries = [an_odd_entry(random, expressions) for _ in range(random.choice((1, 2, 3)))]
        programs = TopicPrograms(a_plan(*entries)["topics"][INCIDENTS]["entries"])
        for document, body in random.sample(documents, DOCUMENTS_EACH):
            compared.cases += 1
            together = programs.evaluate(document, body)
            alone = programs.evaluate_apart(body, lambda *_: None)
            compared.classes.update(
                class_of(one) for rows in alone for row in rows.rows for one in row if one is not None
            )
            for entry, one, other in zip(entries, together, alone, strict=True):
                if plain_rows(one) != plain_rows(other):
                    compared.differ(f"{json.dumps(entry)} gives {one!r}, alone {other!r}, on {body}")
    return compared


def some_documents(random: Random, number: int) -> list[Document]:
    """Return documents that the mapper can read, each as it reads it."""
    made = Documents(random)
    found: list[Document] = []
    while len(found) < number:
        body = made.text().encode("utf-8", "replace")
        try:
            found.append(_read(body))
        except ValueError:
            continue
    return found


def _read(body: bytes) -> Document:
    return read_document(RawObject(INCIDENTS, 0, 0, "I1", False, (), body))


ITEMS = (
    *(".a", ".b // []", "[.a[]?]", ".a | map(.)", "if .a then .a else [] end", "[.a[] | select(.b)]", ".a.b"),
    *("(.a // .b)", ".a[0]", ".a?", "[.. | numbers]", ".c_1 // empty", ".id", "empty", "null", ".a, .b"),
)
OF_THE_PROGRAM = ("input", "halt", "$__loc__", "debug", "input_filename", "[.a, halt]", "error(null)")


def an_odd_entry(random: Random, expressions: Expressions) -> dict[str, Json]:
    """Return an entry of a mapping with any expressions."""

    def any_text() -> str:
        while True:
            text = (
                expressions.left_to_libjq(random.choice((0, 0, 1)))
                if random.random() < 0.6
                else expressions.text()
            )
            try:
                return runnable_text(text)
            except ExpressionError:
                # Not every two parts fit together.
                continue

    port: dict[str, Json] = {}
    if random.random() < 0.2:
        port = {
            "itemsToParseTopLevelTransform": False,
            "itemsToParseName": random.choice(("a", "item", "x y")),
        }
    properties = {f"p{number}": any_text() for number in range(random.choice((1, 2, 3)))}
    if random.random() < 0.05:
        properties["odd"] = random.choice(OF_THE_PROGRAM)
    return an_entry(
        query=random.choice(("true", ".a == 1 | not", ".id != null", "false", any_text())),
        identifier=random.choice((".id", any_text())),
        items=random.choice(ITEMS) if random.random() < 0.4 else None,
        port=port,
        properties=properties,
    )


def forms_in(text: str) -> frozenset[str]:
    """Return the forms that an expression is made of."""
    node = parse(text)
    return frozenset() if node is None else frozenset(_forms_of(node))


def _forms_of(node: Node) -> Iterator[str]:
    if isinstance(node, Call):
        yield f"{node.name}/{len(node.arguments)}"
    elif isinstance(node, Format):
        yield f"@{node.name}"
    elif isinstance(node, Binary):
        yield f"{node.operator} operator"
    else:
        yield type(node).__name__
    for part in parts_of(node):
        yield from _forms_of(part)


def class_of(result: Result) -> str:
    """Return what sort of result it is."""
    if isinstance(result, dict):
        return "error"
    if not result:
        return "no output"
    return "null" if result[0] is None else "value"


def plain(result: Result | None) -> Json:
    """Return a result so that `1`, `1.0` and `true` differ, and of an error only that there is one."""
    return "error" if isinstance(result, dict) else typed(result)


def typed(value: Json) -> Json:
    if isinstance(value, list):
        return [typed(one) for one in value]
    if isinstance(value, dict):
        return {name: typed(one) for name, one in value.items()}
    return type(value).__name__, value


def plain_rows(rows: Rows) -> Rows:
    return Rows([[plain(one) for one in row] for row in rows.rows], plain(rows.found))
