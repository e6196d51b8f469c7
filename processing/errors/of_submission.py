"""What can be unknown of a conversion that was asked for."""

from __future__ import annotations

from resilience.errors import AppError, Category, Entry

from .common import OURS, WE_GO_ON


class SubmissionUnsettled(AppError):
    entry = Entry(
        code="SUBMISSION_UNSETTLED",
        title="We are finding out whether a converter took this on",
        what_happened="A converter was asked and we did not hear its answer. We find out by ourselves before we ask anew, so that nothing is done twice.",
        actions=(WE_GO_ON,),
        runbook="Nothing, for two minutes. If it goes on, look at the region's circuit: it does not answer, and jobs go on without it.",
        **OURS | {"category": Category.DEPENDENCY, "severity": "info"},
    )
