"""Says for every reason of a dead letter what mends it, and by which command its object is tried again."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.outcome import Reason

UNREADABLE_LETTER: Final = "no readable letter"

NEXT_STEPS: Final[Mapping[Reason, str]] = {
    Reason.UNREADABLE: "mend the object in PagerDuty; of a dead letter, look at it with `pagerport dlq show`",
    Reason.SELECTOR_ERROR: "have the query give true or false, e.g. by a comparison: `.name != null`",
    Reason.IDENTIFIER_ERROR: "mend the identifier or blueprint expression of the entry",
    Reason.IDENTIFIER_NULL: "give the entry an identifier that every object has, or filter such objects out",
    Reason.BLUEPRINT_NULL: "make the blueprint expression give a name, or filter such objects out",
    Reason.ITEMS_ERROR: "make itemsToParse give a list, e.g. `.field // []`",
    Reason.JQ_TIMEOUT: "simplify the expression: it does not end, or takes too long",
    Reason.JQ_CRASH: "simplify the expression: it ended jq (memory or recursion)",
    Reason.TOO_LARGE: "map fewer or shorter properties: an entity must fit Port's 1 MiB, an object our 4 MiB",
    Reason.INVALID_IDENTIFIER: 'replace what Port does not allow: gsub("[^a-zA-Z0-9@_.+:/=-]"; "-")',
    Reason.BLUEPRINT_MISSING: "create the blueprint in Port, or mend its name in the mapping",
    Reason.RELATION_TARGET_MISSING: "sync the related kind too, or set createMissingRelatedEntities: true",
    Reason.REFUSED: "mend the mapping or the blueprint: Port's message says which property",
    Reason.DELETE_HELD: "look whether the objects are gone; if so, `pagerport release` has each confirmed",
    Reason.NO_ID: "nothing can be made of a row without an id: ask PagerDuty's support",
    Reason.RETRIES_EXHAUSTED: "run the sync again; if it stays, ask Port with the trace id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How the letters of a log are tried again.

    Attributes:
        log: The file that commands have to name; empty: it is the installation's log.
        is_read: Whether requests in this log are ever read: not in that of a one-shot sync.
    """

    log: str = ""
    is_read: bool = True

    @property
    def option(self) -> str:
        """Return what a command has to add so that it speaks of the same log."""
        return f" --log {shlex.quote(self.log)}" if self.log else ""

    def command(self, reason: str) -> str:
        """Return the commands for the letters of a reason, beginning with a look at them."""
        if reason == Reason.DELETE_HELD:
            return f"pagerport release{self.option}"
        look = f"pagerport dlq list{self.option}"
        if reason == UNREADABLE_LETTER:
            return look
        look += f" --reason {reason}"
        if not self.is_read:
            return f"{look}, then sync again"
        return f"{look}, then dlq redrive{self.option} --reason {reason}"

    def again(self, letters: str) -> str:
        """Return what has the objects behind letters tried again, once their cause is mended.

        Args:
            letters: What `dlq redrive` takes: an address, or `--reason refused`.
        """
        return f"`pagerport dlq redrive{self.option} {letters}`" if self.is_read else "sync again"


def next_steps(reasons: Iterable[Reason], remedy: Remedy) -> list[str]:
    """Return a line for each reason: what mends it, and what has the objects tried again then."""
    lines = []
    for reason in reasons:
        again = "" if reason is Reason.DELETE_HELD else f"; then {remedy.again(f'--reason {reason}')}"
        lines.append(f"next, for {reason}: {NEXT_STEPS[reason]}{again}")
    return lines
