"""Routes map a path to what it stands for."""

from dataclasses import dataclass
from typing import Generic, TypeVar

EndpointT = TypeVar("EndpointT")


@dataclass(frozen=True, slots=True)
class Found(Generic[EndpointT]):
    """What a path stands for: the template, its endpoint, and the segments that the template leaves open."""

    template: str
    endpoint: EndpointT
    ids: tuple[str, ...]


class Routes(Generic[EndpointT]):
    """A table of path templates; a segment in braces stands for any one, a plain one goes before it."""

    def __init__(self) -> None:
        self._plain: dict[str, Found[EndpointT]] = {}
        self._open: dict[tuple[int, str], list[tuple[tuple[str, ...], str, EndpointT]]] = {}

    def add(self, template: str, endpoint: EndpointT) -> None:
        """Add a template; it must not be there yet."""
        if "{" not in template:
            self._plain[template] = Found(template, endpoint, ())
            return
        segments = tuple(template[1:].split("/"))
        group = self._open.setdefault((len(segments), segments[0]), [])
        group.append((segments, template, endpoint))
        group.sort(key=lambda entry: sum(segment.startswith("{") for segment in entry[0]))

    def find(self, path: str) -> Found[EndpointT] | None:
        """Return what a path stands for, or None."""
        plain = self._plain.get(path)
        if plain is not None:
            return plain
        segments = path[1:].split("/")
        for pattern, template, endpoint in self._open.get((len(segments), segments[0]), ()):
            if all(
                bool(segment) if part.startswith("{") else part == segment
                for part, segment in zip(pattern, segments, strict=True)
            ):
                ids = tuple(
                    segment for part, segment in zip(pattern, segments, strict=True) if part.startswith("{")
                )
                return Found(template, endpoint, ids)
        return None
