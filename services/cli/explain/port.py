"""Asks Port for one entity and its blueprint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.cli.explain.story import Story
from services.writer.shape import Shape, read_shape
from shared.errors import PagerportError
from shared.http.waits import WaitLedger
from shared.port.opening import open_port
from shared.settings import Settings


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


async def ask_port(settings: Settings, story: Story) -> Held | Unasked:
    """Return what Port holds of the story's entity.

    What the log says is worth showing also where Port cannot be asked.
    """
    if not settings.port.client_id or not settings.port.client_secret.get_secret_value():
        return Unasked("OCEAN__PORT__CLIENT_ID and OCEAN__PORT__CLIENT_SECRET are not set")
    try:
        async with open_port(settings, WaitLedger()) as port:
            blueprint = await port.get_blueprint(story.blueprint)
            if blueprint is None:
                return Held(shape=None, entity=None)
            entity = await port.get_entity(story.blueprint, story.identifier)
            return Held(shape=read_shape(blueprint), entity=entity)
    except PagerportError as error:
        return Unasked(str(error), error.exit_code)
