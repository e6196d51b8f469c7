"""What `/metrics` says: the values of all processes of this host, then what collectors read from the tables at that moment."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from . import history
from .declare import Histogram, declared
from .merge import Values, merged
from .store import Key, directory
from .tables import FromTables

Labels = tuple[tuple[str, str], ...]


class Counted(Collector):
    """Everything declared or counted."""

    def collect(self) -> Iterable[Metric]:
        return families(merged(directory()))


def families(found: Values) -> list[Metric]:
    """Turn values into metric families. What no file holds is what this process alone knows: 0, or what a full disk kept it from storing."""
    grouped: dict[tuple[str, str], list[tuple[Key, float]]] = defaultdict(list)
    for key, value in found.items():
        grouped[key[2], key[0]].append((key, value))
    stored = [_family(name, kind, rows) for (name, kind), rows in grouped.items()]
    names = {name for name, _kind in grouped}
    unstored = [_without_times(family) for metric in declared.values() for family in metric.collect() if family.name not in names]
    return sorted([*stored, *unstored], key=lambda family: family.name)


def _family(name: str, kind: str, rows: list[tuple[Key, float]]) -> Metric:
    family = Metric(name, rows[0][0][5], kind)
    family.samples = list(_histogram(name, rows)) if kind == "histogram" else [Sample(key[3], dict(key[4]), value) for key, value in sorted(rows)]
    return family


def _histogram(name: str, rows: list[tuple[Key, float]]) -> Iterator[Sample]:
    """Add the buckets up: each is stored as what fell into it alone, the format wants what fell into it and all smaller ones."""
    sums: dict[Labels, float] = defaultdict(float)
    buckets: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for key, value in rows:
        labels = dict(key[4])
        bound = labels.pop("le", None)
        if bound is None:
            sums[tuple(labels.items())] += value
        else:
            buckets[tuple(labels.items())].append((float(bound), value))
    metric = declared.get(name)
    bounds = set(metric._upper_bounds if isinstance(metric, Histogram) else ()) | {math.inf}
    for series, found in sorted(buckets.items()):
        counts, count = dict(found), 0.0
        for limit in sorted(bounds | set(counts)):
            count += counts.get(limit, 0.0)
            bound = str(floatToGoString(limit))  # type: ignore[no-untyped-call] # untyped there
            yield Sample(f"{name}_bucket", {**dict(series), "le": bound}, count)
        yield Sample(f"{name}_count", dict(series), count)
        yield Sample(f"{name}_sum", dict(series), sums[series])


def _without_times(family: Metric) -> Metric:
    family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    return family


def exposition() -> bytes:
    """Return everything in Prometheus' text format."""
    history.note()
    registry = CollectorRegistry()
    registry.register(Counted())
    registry.register(FromTables())
    return generate_latest(registry)


def current(name: str, **labels: str) -> float:
    """Return one sample as a scrape would show it (`holdfast_…_total`, `…_count`, `…_bucket`), 0 when nobody counted it. For tests and pages."""
    for family in families(merged(directory())):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return 0.0
