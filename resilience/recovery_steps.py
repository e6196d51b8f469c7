"""The steps of `manage.py recover` that are no reapers."""

from __future__ import annotations

from resilience import integrity
from resilience.models import Circuit, Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import TaskState

from .recovery import Found, Options, step

CACHE_WAIT_SECONDS = 10.0
SHOWN = 5


@step("sync_cache")
def sync_cache(options: Options) -> Found:
    """Have the processes of this host tell the cache server what they wrote while it was away."""
    from resilience.cache import sync

    waiting = sum(process.waiting for process in sync.standing().processes)
    found = sync.standing() if options.dry_run else sync.synchronise(wait_seconds=CACHE_WAIT_SECONDS)
    if not found.shared:
        return Found(said="Each process has a cache of its own.")
    if options.dry_run or found.is_well:
        return Found(count=waiting, said="The cache server answers." if found.answers else "The cache server does not answer; work goes on without it.")
    return Found(error=f"The cache server was not told everything: {found.error or 'some process still keeps writes for it'}.")


@step("check_integrity")
def check_integrity(options: Options) -> Found:
    """Prove what no constraint can hold. What is found is told; with `repair` it is put right, and what is left then is a failure."""
    repair = options.repair and not options.dry_run
    unclean = [outcome for outcome in integrity.check_all(repair=repair) if outcome.found or outcome.error]
    stopped = [f"{outcome.name} stopped: {outcome.error}" for outcome in unclean if outcome.error]
    left = [f"{outcome.found - outcome.repaired} against {outcome.name}" for outcome in unclean if outcome.found > outcome.repaired]
    told = f"{_list(left)} See `manage.py check_integrity`." if left else "Everything holds."
    repaired = sum(outcome.repaired for outcome in unclean)
    return Found(repaired, "" if stopped or (repair and left) else told, _list([*stopped, *left]) if stopped or (repair and left) else "")


@step("circuits")
def circuits(options: Options) -> Found:
    """Say which dependencies are not called. They close by themselves once the dependency is well; nothing is forced here."""
    unwell = list(Circuit.objects.exclude(state=CircuitState.CLOSED).order_by("name"))
    said = [f"{circuit.name} is {circuit.get_state_display().lower()}" + (f" ({circuit.last_error[:100]})" if circuit.last_error else "") for circuit in unwell]
    return Found(said=_list(said) or "All are closed.")


@step("dead_letters")
def dead_letters(options: Options) -> Found:
    """Start the chosen kinds of dead letters again, in the background; else say which there are."""
    from django.db.models import Count

    from resilience.tasks import groups
    from resilience.tasks.errors import NoDeadLetters

    there = dict(Task.objects.filter(state=TaskState.DEAD).order_by("kind").values_list("kind").annotate(count=Count("pk")))
    chosen = list(there) if "all" in options.replay else list(options.replay)
    if not chosen:
        return Found(said=_list([f"{count} of {kind}" for kind, count in there.items()]) or "None.")
    if options.dry_run:
        return Found(count=sum(there.get(kind, 0) for kind in chosen))
    begun = 0
    for kind in chosen:
        try:
            begun += groups.change_all("replay", kind=kind, fingerprint="", by=None, reason=options.reason).matched
        except NoDeadLetters:
            continue  # somebody else replayed them meanwhile
    return Found(count=begun, said="They start again in the background.")


def _list(words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f"{', '.join(words[:SHOWN])}{more}." if words else ""
