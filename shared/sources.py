"""Plans sources: which listings a mapping needs, what each asks PagerDuty for, and which entries it feeds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import orjson

from schemas.mapping import MappingFile
from schemas.topics import raw_topic
from shared.enrichment import DEFAULT_MONTHS, NO_ENRICHMENT, Enrichment, read_enrichment, unite_enrichments
from shared.entry_parameters import ALL_HISTORY, BOUNDS, EntryParameters, read_entry
from shared.errors import ConfigurationError, ParameterError
from shared.kind_model import Form, Kind
from shared.kinds import kind_named
from shared.local_filters import LOCAL_PARAMETERS
from shared.query_values import instant_text

ORDER = "sort_by"
"""Says nothing of which objects there are; a listing has its own order, which keeps its pages stable."""
PERIOD = "analyticsMonthsPeriod"
"""Not a parameter of a list, yet it sets a source apart: one object has the metrics of one period."""
_SECOND = timedelta(seconds=1)

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The span of time a listing reads, bounds inclusive and in whole seconds.

    Attributes:
        since: First second; None: from the oldest object on.
        until: Last second.
        with_open: Also read incidents that are still open, however old.
    """

    since: datetime | None
    until: datetime
    with_open: bool = False

    @property
    def all_history(self) -> bool:
        """Whether nothing is too old to be read."""
        return self.since is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One listing and the topic its objects go to.

    Attributes:
        kind: PagerDuty kind.
        parameters: Canonical text of what sets it apart from the kind's main source; empty for that one.
        topic: Raw topic, without the installation's prefix.
        query: Query pairs of every request, sorted; paging and the bounds of the window aside.
        entries: Indexes of the entries in `resources` that it feeds, ascending.
        window: Span to be read; None: the kind is not cut by time.
        complete_by_design: A complete listing names every object there is for these entries: none is left out
            because of its age.
        enrichment: What is added to each object beside what the list gives.
    """

    kind: str
    parameters: str
    topic: str
    query: Query
    entries: tuple[int, ...]
    window: Window | None
    complete_by_design: bool
    enrichment: Enrichment = NO_ENRICHMENT


def plan_sources(
    config: MappingFile, *, kinds: Collection[str] | None = None, now: datetime
) -> tuple[Source, ...]:
    """Return the listings a mapping needs, in the order of their first entries.

    Entries of a kind share a listing. What can be judged on the object is united or left to the mapper;
    entries that differ in anything else, or in the period of the analytics they read, have sources of their
    own.

    Args:
        config: The mapping; all of it is checked.
        kinds: Only these kinds; None: all.
        now: Start of the run: open windows end here, relative bounds count from here. Topics and entries do
            not depend on it.

    Raises:
        ParameterError: Unknown kinds, unknown parameters or values that cannot be: all there are.
        ConfigurationError: No entry has a kind that is asked for.
    """
    entries: dict[str, list[EntryParameters]] = {}
    enrichments = [read_enrichment(resource) for resource in config.resources]
    mistakes: list[tuple[str, str]] = []
    for index, resource in enumerate(config.resources):
        try:
            kind = _kind_of(resource.kind, index)
            entry = read_entry(kind, index, resource.selector.api_query_params, now)
        except ParameterError as error:
            mistakes += error.mistakes
        else:
            entries.setdefault(kind.name, []).append(entry)
    if mistakes:
        raise ParameterError(mistakes)
    for name in kinds or ():
        if kind_named(name).name not in entries:
            raise ConfigurationError(
                f"no entry of the mapping has the kind {name!r}; add one or leave it out"
            )
    sources = [
        source
        for name, of_kind in entries.items()
        if kinds is None or name in kinds
        for source in _plan_kind(kind_named(name), of_kind, enrichments, now)
    ]
    return tuple(sorted(sources, key=lambda source: source.entries[0]))


def _kind_of(name: str, index: int) -> Kind:
    try:
        return kind_named(name)
    except ConfigurationError as error:
        raise ParameterError([(f"resources[{index}].kind", str(error))]) from None


def _plan_kind(
    kind: Kind, entries: Sequence[EntryParameters], enrichments: Sequence[Enrichment], now: datetime
) -> list[Source]:
    """Group a kind's entries by what only PagerDuty can judge."""
    local = LOCAL_PARAMETERS.get(kind.name, frozenset()) | {ORDER, ALL_HISTORY}
    foreign = {entry.index: {n: v for n, v in entry.values.items() if n not in local} for entry in entries}
    usual = {name: (text,) for name, text in kind.defaults.items()}
    if kind.name == "services":
        usual[PERIOD] = (str(DEFAULT_MONTHS),)
        for index, months in _periods(entries, enrichments).items():
            foreign[index][PERIOD] = (str(months),)
    names = sorted({name for held in foreign.values() for name in held})
    apart = [name for name in names if len({held.get(name) for held in foreign.values()}) > 1]

    def canonical(entry: EntryParameters) -> str:
        held = foreign[entry.index]
        own = {name: held[name] for name in apart if name in held and held[name] != usual.get(name)}
        return orjson.dumps(own, option=orjson.OPT_SORT_KEYS).decode() if own else ""

    grouped = groupby(sorted(entries, key=lambda entry: (canonical(entry), entry.index)), key=canonical)
    return [_source(kind, parameters, list(members), enrichments, now) for parameters, members in grouped]


def _periods(entries: Sequence[EntryParameters], enrichments: Sequence[Enrichment]) -> dict[int, int]:
    """Return each entry's period of analytics; one that reads none goes with the first that does."""
    found = {entry.index: enrichments[entry.index].months for entry in entries}
    first = next((months for months in found.values() if months is not None), None)
    if first is None:
        return {}
    return {index: first if months is None else months for index, months in found.items()}


def _source(
    kind: Kind,
    parameters: str,
    entries: Sequence[EntryParameters],
    enrichments: Sequence[Enrichment],
    now: datetime,
) -> Source:
    window = _unite_windows(kind, entries, now) if kind.time_filter else None
    return Source(
        kind=kind.name,
        parameters=parameters,
        topic=raw_topic(kind.name, parameters),
        query=_unite_queries(kind, entries),
        entries=tuple(entry.index for entry in entries),
        window=window,
        complete_by_design=window is None or window.all_history,
        enrichment=unite_enrichments(kind.name, (enrichments[entry.index] for entry in entries)),
    )


def _unite_queries(kind: Kind, entries: Sequence[EntryParameters]) -> Query:
    """Return what goes to PagerDuty: what every entry has, values united; the mapper judges the rest."""
    includes = {name for entry in entries for name in entry.includes}
    pairs = [("include[]", name) for name in includes]
    if kind.order:
        pairs.append((ORDER, kind.order))
    for name in set.intersection(*(set(entry.values) for entry in entries)) - {ORDER, ALL_HISTORY, *BOUNDS}:
        values = {value for entry in entries for value in entry.values[name]}
        if kind.parameters[name] is Form.LIST:
            pairs += [(f"{name}[]", value) for value in values]
        elif len(values) == 1:
            pairs.append((name, values.pop()))
    if not kind.time_filter:
        # Bounds that do not cut the list are the same in all entries of a source.
        pairs += [
            (name, instant_text(at))
            for name, at in zip(BOUNDS, entries[0].bounds, strict=True)
            if at is not None
        ]
    return tuple(sorted(pairs))


def _unite_windows(kind: Kind, entries: Sequence[EntryParameters], now: datetime) -> Window:
    """Return the shortest span that holds what every entry asks for."""
    windows = [_window(kind, entry, now) for entry in entries]
    starts = [window.since for window in windows if window.since is not None]
    return Window(
        since=min(starts) if len(starts) == len(windows) else None,
        until=max(window.until for window in windows),
        with_open=len(starts) == len(windows) and any(window.with_open for window in windows),
    )


def _window(kind: Kind, entry: EntryParameters, now: datetime) -> Window:
    """Return an entry's own span. Explicit bounds always: PagerDuty's own default is a month at most.

    Source: PagerDuty REST API, List incidents; a single bound there means one month.
    """
    if ALL_HISTORY in entry.values:
        return Window(since=None, until=_ceiling(now))
    since, until = entry.bounds
    end = _ceiling(now) if until is None else _floor(until)
    if since is not None:
        return Window(since=_floor(since), until=max(end, _floor(since)))
    days = kind.time_filter.default_days if kind.time_filter else 0
    open_too = kind.name == "incidents" and until is None
    return Window(since=end - timedelta(days=days), until=end, with_open=open_too)


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _ceiling(at: datetime) -> datetime:
    floor = _floor(at)
    return floor if floor == at else floor + _SECOND
