"""Shows the metrics of several services of one process as one page."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from shared.service.metrics import PREFIX, ServiceMetrics

SERVICE: Final = "service"


class MetricsUnion(Collector):
    """The metrics of all services, each sample with its service; those of the process once.

    Args:
        parts: Of each service.
    """

    def __init__(self, parts: Sequence[ServiceMetrics]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Return the families, those of one name as one."""
        merged: dict[str, Metric] = {}
        for part in self._parts:
            for family in part.registry.collect():
                if not family.name.startswith(PREFIX):
                    # Of the process: every service would tell the same.
                    merged.setdefault(family.name, family)
                    continue
                whole = merged.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                whole.samples += [_of_service(sample, part.service) for sample in family.samples]
        yield from merged.values()

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self)


def _of_service(sample: Sample, service: str) -> Sample:
    return sample._replace(labels={SERVICE: service, **sample.labels})
