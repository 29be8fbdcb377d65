"""Writes the README's tables of settings and topics: `python -m tools.readme_tables [--check]`."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.topics import TOPICS, cleanup_text
from shared.settings import settings_table

README = Path(__file__).parents[1] / "README.md"


def settings_markdown() -> str:
    """Return the table of settings."""
    rows = [
        (f"`{row.name}`", row.description, row.takes, f"`{row.default}`" if row.default else "")
        for row in settings_table()
    ]
    return _table(("variable", "what it is", "takes", "default"), rows)


def topics_markdown() -> str:
    """Return the table of topics."""
    rows = [
        (
            f"`{topic.name}`",
            str(topic.partitions),
            topic.key,
            topic.value,
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            cleanup_text(topic),
        )
        for topic in TOPICS
    ]
    titles = ("topic", "partitions", "key", "value", "written by", "read by", "cleanup")
    return _table(titles, rows)


TABLES: dict[str, Callable[[], str]] = {"settings": settings_markdown, "topics": topics_markdown}


def rewritten(text: str) -> str:
    """Return the text with every table between its markers made anew.

    Raises:
        ValueError: A pair of markers is missing.
    """
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: generated, see tools/readme_tables.py -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"the markers {begin} and {end} are missing")
        whole = f"{begin}\n{table()}\n{end}"
        text = pattern.sub(lambda _, whole=whole: whole, text)  # type: ignore[misc]
    return text


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    lines += [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the README, or with `--check` say whether its tables are true; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.readme_tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on drift")
    wanted = parser.parse_args(arguments)
    text = README.read_text(encoding="utf-8")
    fresh = rewritten(text)
    if not wanted.check:
        README.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        sys.stderr.write("README.md: a table is out of date; run `python -m tools.readme_tables`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
