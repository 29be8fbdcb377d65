"""Maps with libjq alone, the two usual ways, to compare the mapper with: nothing runs natively here."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from services.mapper.entry_texts import ALL, EntryTexts
from services.mapper.fused import FusedProgram, JsonText
from services.mapper.mapped import Mapped, RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.plan_shape import EntryPlan, Plan
from services.mapper.programs import Rows, TopicPrograms
from shared.jq_engine import Engine, Json, LibjqEngine, Program

Map = Any
"""Maps one raw object."""


class Counting:
    """An engine that counts what is asked of libjq."""

    is_libjq = True

    def __init__(self) -> None:
        self.calls = 0
        self.bytes = 0

    def compile(self, text: str) -> Program:
        """Compile an expression."""
        return _CountingProgram(LibjqEngine().compile(text), self)

    def compile_source(self, source: str) -> Program:
        """Compile a whole program."""
        return _CountingProgram(LibjqEngine().compile_source(source), self)


class _CountingProgram:
    def __init__(self, program: Program, counting: Counting) -> None:
        self._program = program
        self._counting = counting

    def first(self, document_json: str) -> list[Json]:
        self._counting.calls += 1
        self._counting.bytes += len(document_json)
        return self._program.first(document_json)


class _Fused(TopicPrograms):
    """One program for all expressions of all entries on the whole object; items are found by libjq too."""

    def __init__(self, entries: Sequence[EntryPlan], engine: Engine) -> None:
        super().__init__(entries, engine)
        self._plans = [(EntryTexts(plan, lambda _: None), plan["items"] is not None) for plan in entries]
        texts = [one for one, has_items in self._plans if not has_items]
        self._program = FusedProgram(texts, engine, small=False)
        self._item_programs = [FusedProgram([one], engine, small=False) for one, has in self._plans if has]

    def evaluate(self, document: Json, text: str) -> list[Rows]:
        source = JsonText(document, text)
        wanted = [ALL for _, has_items in self._plans if not has_items]
        given = iter(self._program.run(wanted, source) or [])
        programs = iter(self._item_programs)
        rows: list[Rows] = []
        for number, (entry, has_items) in enumerate(self._plans):
            if not has_items:
                rows.append(Rows([_row(entry, next(given))]))
                continue
            program = next(programs)
            items = self._alone.items(self._entries[number].plan, text)
            if isinstance(items, Rows):
                rows.append(items)
                continue
            found = [program.run([ALL], JsonText(None, item)) for item in items.texts()]
            rows.append(Rows([_row(entry, one[0]) for one in found if one]))
        return rows


def _row(entry: EntryTexts, given: Json) -> list[Any]:
    row: list[Any] = [None] * len(entry.texts)
    entry.fill(row, given)
    return row


def natively(plan: Plan, topic: str, engine: Engine) -> Map:
    """Return the mapper as it is."""
    mapper = ObjectMapper(plan, engine)
    mapper.prepare(topic)
    return mapper.map_object


def per_expression(plan: Plan, topic: str, engine: Engine) -> Map:
    """Return a mapper that runs every expression as a program of its own, as the peer does."""
    mapper = ObjectMapper(plan, engine)
    mapper.prepare(topic)
    return partial(_apart, mapper)


def _apart(mapper: ObjectMapper, raw: RawObject) -> Mapped:
    return mapper.map_object(raw, lambda *_: None)


def fused(plan: Plan, topic: str, engine: Engine) -> Map:
    """Return a mapper that runs all expressions as one program of libjq."""
    mapper = ObjectMapper(plan, engine)
    mapper.prepare(topic)
    mapper._topics[topic].programs = _Fused(plan["topics"][topic]["entries"], engine)
    return mapper.map_object
