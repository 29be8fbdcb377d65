"""Puts the commands into the groups and the order in which a newcomer meets them."""

from typing import Final

import typer
from typer.core import TyperGroup

PANELS: Final[dict[str, tuple[str, ...]]] = {
    "Start": ("demo", "sync", "run", "settings"),
    "Look": ("status", "runs", "explain", "dlq", "sweep"),
    "Act on what is always on": ("resync", "replay", "stop", "refresh", "release"),
    "Mapping": ("mapping", "kinds"),
    "Set up": ("webhook", "topics"),
    "Services on Kafka": ("fetcher", "gateway", "mapper", "writer"),
}
"""Heading to the commands under it; a command that stands nowhere here would not be shown."""
_ORDER: Final = [name for names in PANELS.values() for name in names]
_PANEL_OF: Final = {name: panel for panel, names in PANELS.items() for name in names}


class OrderedGroup(TyperGroup):
    """Lists the commands in the order of `PANELS`."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own context
        """Return the names of all commands."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)


def into_panels(app: typer.Typer) -> None:
    """Give every command of the program its heading.

    Raises:
        KeyError: A command stands under no heading.
    """
    for command in app.registered_commands:
        command.rich_help_panel = _PANEL_OF[str(command.name)]
    for group in app.registered_groups:
        group.rich_help_panel = _PANEL_OF[str(group.name)]
