"""Evaluates a topic's expressions on one object: natively, as one fused libjq program, or each alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.mapper.entry_texts import EntryTexts, Row, is_true
from services.mapper.fused import FusedProgram, InexactError, JsonText
from services.mapper.item_lists import ItemTexts, item_finder, items_source, parent_of
from services.mapper.native import LEFT_TO_LIBJQ, Getter, Result, native, native_path
from services.mapper.native_values import LeftError, RaisedError
from services.mapper.plan_shape import ITEMS, QUERY, EntryPlan
from shared.jq_engine import Engine, ExpressionError, Json, LibjqEngine, Program, enclose

At = Callable[[int, int], None]
"""Hears which expression is run next: the entry's index in the mapping, its own in `texts`, or `ITEMS`."""

FUSED_EXPRESSIONS: Final = 100
"""Most expressions of one fused program: the time libjq needs to compile them grows with their square."""


def _nobody(_entry: int, _text: int) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Rows:
    """What an entry's expressions gave.

    Attributes:
        rows: One for the object, or one per item.
        found: What itemsToParse gave where it is no list; else None.
    """

    rows: list[Row] = field(default_factory=list)
    found: Result | None = None


class TopicPrograms:
    """The expressions of one topic's entries; what was not prepared is compiled when it is first needed."""

    def __init__(self, entries: Sequence[EntryPlan], engine: Engine | None = None) -> None:
        self._alone = _AlonePrograms(LibjqEngine() if engine is None else engine)
        self._entries = [_Entry(plan, self._alone.engine) for plan in entries]
        self._parts = [_Part(part, self._alone) for part in _parts(self._entries)]

    def prepare(self) -> None:
        """Compile what most objects need."""
        for part in self._parts:
            part.prepare()

    def evaluate(self, document: Json, text: str) -> list[Rows]:
        """Return what each entry's expressions give on an object.

        Args:
            document: The parsed object.
            text: Its JSON.
        """
        source = JsonText(document, text)
        return [rows for part in self._parts for rows in part.evaluate(source)]

    def evaluate_apart(self, text: str, at: At) -> list[Rows]:
        """Return the same, each expression run as a program of its own and announced before it is.

        Args:
            text: The object's JSON.
            at: Hears the entry's index in the mapping and the expression's in `texts`.
        """
        return [self._alone.entry(entry, text, at) for entry in self._entries]


class _Entry:
    """One entry, with what evaluates its expressions."""

    def __init__(self, plan: EntryPlan, engine: Engine) -> None:
        self.plan = plan
        self.has_items = plan["items"] is not None
        self.texts = EntryTexts(plan, native if engine.is_libjq else native_path)
        self.find_items = item_finder(plan) if engine.is_libjq else None


class _AlonePrograms:
    """Programs of a single expression, which is the slow path: one that breaks out costs only itself."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._programs: dict[str, Program] = {}

    def entry(self, entry: _Entry, text: str, at: At = _nobody) -> Rows:
        """Run all expressions of an entry on an object."""
        plan = entry.plan
        if plan["items"] is None:
            return Rows([self.row(entry, text, at)])
        at(plan["index"], ITEMS)
        items = self.items(plan, text)
        if isinstance(items, Rows):
            return items
        return Rows([self.row(entry, document, at) for document in items.texts()])

    def items(self, plan: EntryPlan, text: str) -> ItemTexts | Rows:
        """Return the items of an object, or what itemsToParse gave that is no list."""
        found = self.source(items_source(plan), text)
        if type(found) is not list or not found:
            return Rows(found=self.text(plan["items"] or "", text))
        if "items" not in found[0]:
            return Rows(found=found[0]["found"])
        return ItemTexts(found[0]["parent"], found[0]["items"], plan["items_name"])

    def row(self, entry: _Entry, document: str, at: At = _nobody) -> Row:
        """Run an entry's expressions on an object, or on an item beside its parent."""
        row: Row = []
        for n, text in enumerate(entry.plan["texts"]):
            if n >= entry.plan["keys"] and not is_true(row[QUERY]):
                row.append(None)
                continue
            at(entry.plan["index"], n)
            row.append(self.text(text, document))
        return row

    def text(self, text: str, document: str) -> Result:
        """Run one expression."""
        return self.source(enclose(text), document)

    def source(self, source: str, document: str) -> Result:
        """Run a whole program."""
        try:
            program = self._programs.get(source)
            if program is None:
                program = self._programs[source] = self.engine.compile_source(source)
            return program.first(document)
        except ExpressionError as error:
            return {"e": error.message}


class _Part:
    """Entries that share a fused program; one that has items is alone."""

    def __init__(self, entries: Sequence[_Entry], alone: _AlonePrograms) -> None:
        self._entries = entries
        self._texts = [entry.texts for entry in entries]
        self._alone = alone
        self._fused: FusedProgram | None = None
        if any(texts.fused for texts in self._texts):
            self._fused = FusedProgram(self._texts, alone.engine, small=alone.engine.is_libjq)

    def prepare(self) -> None:
        """Compile what most objects need."""
        if self._fused is not None:
            self._fused.prepare()

    def evaluate(self, source: JsonText) -> list[Rows]:
        """Return what each entry gives on an object."""
        if self._entries[0].has_items:
            return [self._items(self._entries[0], source)]
        return [Rows([row]) for row in self._rows(source)]

    def _items(self, entry: _Entry, source: JsonText) -> Rows:
        document = source.document
        if entry.find_items is None or type(document) is not dict:
            return self._items_by_libjq(entry, source.text())
        try:
            found = entry.find_items(document)
            if type(found.value) is not list:
                return Rows(found=[found.value])
            parent, name = parent_of(document, found.path), entry.plan["items_name"]
            return Rows([self._rows(JsonText({**parent, name: item}))[0] for item in found.value])
        except (RaisedError, LeftError, InexactError):
            return self._items_by_libjq(entry, source.text())

    def _items_by_libjq(self, entry: _Entry, text: str) -> Rows:
        items = self._alone.items(entry.plan, text)
        if isinstance(items, Rows):
            return items
        try:
            return Rows([self._rows(document)[0] for document in items.documents()])
        except ValueError:
            # A number out of range.
            return Rows([self._alone.row(entry, document) for document in items.texts()])

    def _rows(self, source: JsonText) -> list[Row]:
        """Return a row per entry, on an object or on an item beside its parent.

        Raises:
            InexactError: libjq must read the document, and it cannot be written as it was.
        """
        rows = [self._keys(texts, source) for texts in self._texts]
        if self._fused is not None:
            self._add_fused(self._fused, rows, source)
        for texts, row in zip(self._texts, rows, strict=True):
            if is_true(row[QUERY]):
                self._add_native(texts.texts, texts.native_rest, row, source)
                for n in texts.apart_rest:
                    row[n] = self._alone.text(texts.texts[n], source.text())
        return rows

    def _keys(self, texts: EntryTexts, source: JsonText) -> Row:
        row: Row = [None] * len(texts.texts)
        self._add_native(texts.texts, texts.native_keys, row, source)
        for n in texts.apart_keys:
            row[n] = self._alone.text(texts.texts[n], source.text())
        return row

    def _add_native(
        self, texts: Sequence[str], getters: Sequence[tuple[int, Getter]], row: Row, source: JsonText
    ) -> None:
        document = source.document
        for n, get in getters:
            found = get(document)
            row[n] = self._alone.text(texts[n], source.text()) if found is LEFT_TO_LIBJQ else found

    def _add_fused(self, fused: FusedProgram, rows: Sequence[Row], source: JsonText) -> None:
        wanted = [texts.wanted(row) for texts, row in zip(self._texts, rows, strict=True)]
        if not any(wanted):
            return
        given = fused.run(wanted, source)
        for number, row in enumerate(rows):
            if not wanted[number]:
                continue
            if given is not None:
                self._texts[number].fill(row, given[number])
                continue
            texts = self._texts[number]
            for n in (*texts.fused_keys, *texts.fused_rest):
                if n in texts.fused_keys or is_true(row[QUERY]):
                    row[n] = self._alone.text(texts.texts[n], source.text())


def _parts(entries: Sequence[_Entry]) -> list[Sequence[_Entry]]:
    """Cut the entries where a fused program would become too large; one that has items is a part alone."""
    parts: list[list[_Entry]] = []
    size = 0
    for entry in entries:
        has_items = entry.plan["items"] is not None
        left = entry.texts.fused
        if (
            parts
            and not has_items
            and parts[-1][0].plan["items"] is None
            and size + left <= FUSED_EXPRESSIONS
        ):
            parts[-1].append(entry)
            size += left
        else:
            parts.append([entry])
            size = left
    return [tuple(part) for part in parts]
