"""Names every command of the program that ends by itself, with arguments that take it as far as it gets."""

from collections.abc import Iterator, Sequence

import typer
import typer.main

from services.cli.app import build

Line = tuple[str, ...]

ALWAYS_ON = frozenset({"run", "fetcher", "gateway", "mapper", "writer", "demo"})


def every_command(mapping: str, *, webhook_url: str, letter: str = "") -> list[Line]:
    """Return the commands, those that change something behind those that only look.

    Args:
        mapping: A mapping file.
        webhook_url: Where webhooks are taken.
        letter: Address of a dead letter; empty: there is none.
    """
    letters: list[Line] = [("dlq", "show", letter), ("dlq", "show", letter, "--json")] if letter else []
    looking: list[Line] = [
        ("settings",),
        ("settings", "--json"),
        ("kinds", "--json"),
        ("status",),
        ("status", "--json"),
        ("runs",),
        ("runs", "--json"),
        ("topics", "list", "--json"),
        ("topics", "check"),
        ("topics", "check", "--json"),
        ("dlq", "list", "--all"),
        ("dlq", "list", "--all", "--json"),
        *letters,
        ("explain", "pagerdutyUser", "PNOBODY"),
        ("explain", "pagerdutyUser", "PNOBODY", "--json"),
        ("sweep", "--dry-run", "--json"),
        ("mapping", "schema"),
        ("mapping", "check", mapping, "--port", "--plan"),
        ("mapping", "check", mapping, "--port", "--json"),
        ("mapping", "apply", mapping, "--kind", "users", "--id", "PNOBODY", "--json"),
        ("mapping", "test", mapping),
        ("mapping", "diff", mapping, mapping, "--json"),
        ("webhook", "list"),
        ("webhook", "list", "--json"),
        ("webhook", "check", "--url", webhook_url),
        ("sync", "--dry-run", "--no-keep", "--json", "--mapping", mapping),
    ]
    changing: list[Line] = [
        ("topics", "create", "--json"),
        ("webhook", "create", "--url", webhook_url),
        ("refresh", "users", "PNOBODY"),
        ("refresh", "users", "PNOBODY", "--json"),
        ("resync", "--json"),
        ("replay",),
        ("release",),
        ("release", "--json"),
        ("dlq", "redrive", "--all", "--json"),
        ("dlq", "discard", "--all"),
        ("stop", "--json"),
        ("webhook", "delete", "--yes"),
    ]
    return looking + changing


def names(lines: Sequence[Line]) -> set[str]:
    """Return which commands of the program are among the lines."""
    known = all_names()
    return {name for line in lines for name in known if line[: len(name.split())] == tuple(name.split())}


def all_names() -> set[str]:
    """Return the names of all commands."""
    return set(_names(typer.main.get_command(build())))


def _names(command: object, before: str = "") -> Iterator[str]:
    for name, one in getattr(command, "commands", {}).items():
        full = f"{before} {name}".strip()
        if hasattr(one, "commands"):
            yield from _names(one, full)
        else:
            yield full
