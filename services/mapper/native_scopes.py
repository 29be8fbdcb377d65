"""Evaluates variables and labels: what binds them (`as`, `reduce`, `label`) and what names them."""

from collections.abc import Callable, Iterator, Mapping

from services.mapper.native_form import ForLibjqError, Form, one, single_of
from services.mapper.native_values import RaisedError
from shared.jq_engine import Json
from shared.jq_tree import Binding, Break, Fold, Label, Node, Variable

Cell = list[Json]
"""Holds the value of a variable while what it is bound in is evaluated; a label's is empty."""
Scope = Mapping[str, Cell]
"""What is bound where a part stands; a label's name has `*` before it."""
FormIn = Callable[[Node, Scope], Form]
"""Makes the form of a part within a scope."""


class _BreakError(RaisedError):
    """`break` out of a label, known by its cell; to jq it is an error, which a `?` on the way swallows."""

    def __init__(self, label: Cell) -> None:
        super().__init__()
        self.label = label


def without_labels(scope: Scope) -> Scope:
    """Return what is bound within a part that gives one value of many, as `[…]` does.

    A `break` out of it would tell which of two operands is evaluated first.
    """
    return {name: cell for name, cell in scope.items() if not name.startswith("*")}


def variable_form(node: Variable, scope: Scope) -> Form:
    """Return `$name`."""
    cell = scope.get(node.name)
    if cell is None:
        raise ForLibjqError
    return one(lambda _: cell[0])


def binding_form(node: Binding, scope: Scope, form_in: FormIn) -> Form:
    """Return `source as $name | body`."""
    cell: Cell = [None]
    source, body = form_in(node.source, scope), form_in(node.body, {**scope, node.name: cell})

    def several(value: Json) -> Iterator[Json]:
        for found in source.several(value):
            cell[0] = found
            yield from body.several(value)

    if source.single is None or body.single is None:
        return Form(several)
    bound, single = source.single, body.single

    def with_bound(value: Json) -> Json:
        cell[0] = bound(value)
        return single(value)

    return one(with_bound)


def fold_form(node: Fold, scope: Scope, form_in: FormIn) -> Form:
    """Return `reduce source as $name (start; update)`."""
    if node.word != "reduce" or len(node.updates) != 1:
        raise ForLibjqError
    cell: Cell = [None]
    several = form_in(node.source, without_labels(scope)).several
    begin = single_of(form_in(node.start_with, scope))
    update = single_of(form_in(node.updates[0], {**scope, node.name: cell}))

    def reduced(value: Json) -> Json:
        gathered = begin(value)
        for found in several(value):
            cell[0] = found
            gathered = update(gathered)
        return gathered

    return one(reduced)


def label_form(node: Label, scope: Scope, form_in: FormIn) -> Form:
    """Return `label $name | body`."""
    label: Cell = []
    body = form_in(node.body, {**scope, f"*{node.name}": label})

    def several(value: Json) -> Iterator[Json]:
        try:
            yield from body.several(value)
        except _BreakError as error:
            if error.label is not label:
                raise

    return Form(several)


def break_form(node: Break, scope: Scope) -> Form:
    """Return `break $name`."""
    label = scope.get(f"*{node.name}")
    if label is None:
        raise ForLibjqError

    def several(_: Json) -> Iterator[Json]:
        yield from ()
        raise _BreakError(label)

    return Form(several)
