"""How a conversion ends that nothing more can be done for."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Entry, Retry

from .common import NEW_FILE, OF_THE_FILE, OURS, READ_GUIDE, TRY_AGAIN


class SourcePoisonous(AppError):
    entry = Entry(
        code="ENCODING_POISON",
        title="We could not convert this file",
        what_happened="Converting this file stopped our converter several times, so we left it alone. We have been told. Another export of it may work.",
        actions=(NEW_FILE, TRY_AGAIN, ASK_FOR_HELP),
        runbook="The worker died while it had this file. Look for out-of-memory kills on the host before trying again; keep the file, it is a test case.",
        **OURS | {"retry": Retry.NEVER, "severity": "critical"},
    )


class GaveUp(AppError):
    entry = Entry(
        code="ENCODING_GAVE_UP",
        title="We could not convert this file",
        what_happened="We tried {tries} times and it did not work. The fault is on our side and we have been told. Your file is safe with us.",
        actions=(TRY_AGAIN, ASK_FOR_HELP),
        fields=("tries",),
        runbook="The attempts of the job say what happened each time. Repair that, then `manage.py retry_jobs --code ENCODING_GAVE_UP`.",
        **OURS | {"retry": Retry.NEVER},
    )


class EncodingUnclassified(AppError):
    entry = Entry(
        code="ENCODING_UNCLASSIFIED",
        title="None of our converters could finish this file",
        what_happened="We could not convert this file and do not know exactly why; we have been told. A fresh export as an MP4 usually works.",
        actions=(NEW_FILE, READ_GUIDE, ASK_FOR_HELP),
        runbook="Give this failure an entry of its own: the attempt's own words are on the job's page.",
        **OF_THE_FILE | {"severity": "error"},
    )
