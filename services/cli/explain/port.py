"""Asks Port for one entity and its blueprint, and does not wait for it for ever."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.cli.explain.story import Story
from services.writer.shape import Shape, read_shape
from shared.errors import FatalError, PagerportError
from shared.http.waits import WaitLedger
from shared.port.opening import open_port
from shared.settings import Settings

SAY_AFTER_S: Final = 3.0
"""Without an answer after so long it is said for whom one waits."""
PATIENCE_S: Final = 20.0
"""Whoever looks at one entity does not wait as long as a sync does."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """Port could not be asked, or was not to be.

    Attributes:
        why: For people.
        exit_code: What the command ends with; 0: it is no failure.
    """

    why: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What Port holds.

    Attributes:
        shape: Of the blueprint; None: Port has none of that name.
        entity: The entity; None: Port holds none.
    """

    shape: Shape | None
    entity: Mapping[str, Any] | None


async def ask_port(
    settings: Settings,
    story: Story,
    say: Callable[[str], None],
    *,
    say_after_s: float = SAY_AFTER_S,
    patience_s: float = PATIENCE_S,
) -> Held | Unasked:
    """Return what Port holds of the story's entity.

    What the log says is worth showing also where Port cannot be asked, or does not answer.

    Args:
        settings: Where Port is, and its credentials.
        story: Names the entity.
        say: Hears once that Port is waited for.
        say_after_s: When it is said.
        patience_s: When Port is given up.
    """
    if not settings.port.client_id or not settings.port.client_secret.get_secret_value():
        return Unasked("OCEAN__PORT__CLIENT_ID and OCEAN__PORT__CLIENT_SECRET are not set")
    asking = asyncio.create_task(_ask(settings, story))
    try:
        async with asyncio.timeout(patience_s):
            await asyncio.wait({asking}, timeout=say_after_s)
            if not asking.done():
                say(f"waiting for Port, {patience_s:g} s at most; with --without-port it is not asked")
            return await asking
    except TimeoutError:
        why = f"{settings.port.base_url} did not answer in {patience_s:g} s; see OCEAN__PORT__BASE_URL"
        return Unasked(why, FatalError.exit_code)
    except PagerportError as error:
        return Unasked(str(error), error.exit_code)
    finally:
        asking.cancel()


async def _ask(settings: Settings, story: Story) -> Held:
    async with open_port(settings, WaitLedger()) as port:
        blueprint = await port.get_blueprint(story.blueprint)
        if blueprint is None:
            return Held(shape=None, entity=None)
        entity = await port.get_entity(story.blueprint, story.identifier)
        return Held(shape=read_shape(blueprint), entity=entity)
