"""What `manage.py doctor --aws` looks at."""

from __future__ import annotations

from collections.abc import Iterable

from resilience import doctor


@doctor.examination("aws")
def account() -> Iterable[tuple[str, doctor.Look]]:
    from processing.account import lines  # boto3 takes its time: only where it is used

    return lines()
