"""Proves that the metrics of several services show as one page."""

from shared.service.metrics import ServiceMetrics
from shared.service.metrics_union import MetricsUnion


def test_samples_of_one_name_are_one_family_each_with_its_service() -> None:
    parts = [ServiceMetrics("fetcher"), ServiceMetrics("writer")]
    parts[0].watch_requests(lambda: {"Port": 1})
    parts[1].watch_requests(lambda: {"Port": 2})
    lines = MetricsUnion(parts).text().decode().splitlines()
    assert [line for line in lines if line.startswith("pagerport_requests_total")] == [
        'pagerport_requests_total{host="Port",service="fetcher"} 1.0',
        'pagerport_requests_total{host="Port",service="writer"} 2.0',
    ]
    assert sum(line.startswith("# TYPE pagerport_requests ") for line in lines) <= 1
    types = [line for line in lines if line.startswith("# TYPE ")]
    assert len(types) == len(set(types))
    assert sum(line.startswith("process_cpu_seconds_total") for line in lines) == 1


def test_service_that_starts_anew_takes_the_place_of_what_it_showed() -> None:
    metrics = ServiceMetrics("fetcher")
    metrics.gauge("mapping_version", "Version.", (), lambda: {(): 1.0})
    metrics.gauge("mapping_version", "Version.", (), lambda: {(): 2.0})
    lines = metrics.text().decode().splitlines()
    assert [line for line in lines if line.startswith("pagerport_mapping_version ")] == [
        "pagerport_mapping_version 2.0"
    ]
