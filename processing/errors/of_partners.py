"""What goes wrong at a converter that runs elsewhere, and on the way there."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Match, Retry

from .common import OURS, TRY_AGAIN, WE_GO_ON
from .partners import examples_of, said_of


class EngineThrottled(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_THROTTLED",
        title="Converting takes longer than usual",
        what_happened="A converter takes only so many requests at once, so yours waits a little. Your file is safe and its turn comes by itself.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_ENGINE_THROTTLED"),
        examples=examples_of("ENCODING_ENGINE_THROTTLED"),
        runbook="Nothing to do while it is rare: it costs no try, and after ten minutes the next engine takes over. Else raise the quota of requests.",
        **OURS | {"category": Category.CAPACITY, "severity": "info"},
    )


class EngineFull(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_FULL",
        title="Converting takes longer than usual",
        what_happened="A converter has no room for another file just now. Your file is safe; we try again by ourselves, there or elsewhere.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_ENGINE_FULL"),
        examples=examples_of("ENCODING_ENGINE_FULL"),
        runbook="Compare the jobs that run with the account's quotas. After ten minutes the next engine takes over.",
        **OURS | {"category": Category.CAPACITY, "severity": "warning"},
    )


class AccelerationOff(AppError):
    entry = Entry(
        code="ENCODING_ACCELERATION_OFF",
        title="Converting this file in the ordinary way",
        what_happened="The fast way of converting does not fit this file, so we take the ordinary one. There is nothing to do.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_ACCELERATION_OFF"),
        examples=examples_of("ENCODING_ACCELERATION_OFF"),
        runbook="Nothing to do: the job runs again without acceleration. If many do so, set MEDIACONVERT_ACCELERATION=disabled.",
        **OURS | {"severity": "info"},
    )


class EngineAway(AppError):
    entry = Entry(
        code="ENCODING_ENGINE_AWAY",
        title="A converter did not answer",
        what_happened="One of our converters did not answer. Your file is safe and we try again by ourselves, there or elsewhere.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_ENGINE_AWAY"),
        examples=examples_of("ENCODING_ENGINE_AWAY"),
        runbook="See whether this host reaches the region's endpoint, then the AWS Health Dashboard. The engine's circuit says since when.",
        **OURS | {"category": Category.DEPENDENCY, "severity": "warning"},
    )


class TookTooLong(AppError):
    entry = Entry(
        code="ENCODING_TOOK_TOO_LONG",
        title="Converting took too long",
        what_happened="A converter took too long and stopped. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_TOOK_TOO_LONG"),
        examples=examples_of("ENCODING_TOOK_TOO_LONG"),
        runbook="Nothing to do while it is rare. The same file again and again: send its job's id to AWS Support.",
        **OURS | {"severity": "warning"},
    )


class SavingFailed(AppError):
    entry = Entry(
        code="ENCODING_SAVING_FAILED",
        title="The result could not be saved",
        what_happened="The video was converted, and then the result could not be saved. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_SAVING_FAILED"),
        examples=examples_of("ENCODING_SAVING_FAILED"),
        runbook="See whether S3 is well in the region, and that the role may write into the bucket of renditions.",
        **OURS | {"category": Category.STORAGE, "severity": "warning"},
    )


class PartnerAway(AppError):
    entry = Entry(
        code="ENCODING_PARTNER_AWAY",
        title="A service we need did not answer",
        what_happened="A service that the converter asks on its way did not answer. Your file is safe and we try again by ourselves.",
        actions=(WE_GO_ON,),
        matches=said_of("ENCODING_PARTNER_AWAY"),
        examples=examples_of("ENCODING_PARTNER_AWAY"),
        runbook="The attempt's own words name the service. We use none by default: look who set one.",
        **OURS | {"category": Category.DEPENDENCY, "severity": "warning"},
    )


class SettingsRefused(AppError):
    entry = Entry(
        code="ENCODING_SETTINGS_REFUSED",
        title="A settings problem on our side",
        what_happened="We hit a settings problem on our side. Our team has been told, your file is safe, and you need not upload it again.",
        actions=(WE_GO_ON, ASK_FOR_HELP),
        matches=said_of("ENCODING_SETTINGS_REFUSED"),
        examples=examples_of("ENCODING_SETTINGS_REFUSED"),
        runbook="The attempt's own words name the setting. Jobs that wait go on by themselves once it is right; `manage.py recover` makes them at once.",
        **OURS | {"severity": "critical"},
    )


class AccessRefused(AppError):
    entry = Entry(
        code="ENCODING_ACCESS_REFUSED",
        title="One of our own doors is locked",
        what_happened="Our storage or our converter refused us access. Our team has been told, your file is safe, and it goes on once that is put right.",
        actions=(WE_GO_ON, ASK_FOR_HELP),
        matches=said_of("ENCODING_ACCESS_REFUSED"),
        examples=examples_of("ENCODING_ACCESS_REFUSED"),
        runbook="`manage.py doctor --aws` says which right is missing: credentials, the role and its trust policy, the buckets' and the key's policies.",
        **OURS | {"severity": "critical"},
    )


class ReplicaMissing(AppError):
    entry = Entry(
        code="ENCODING_REPLICA_MISSING",
        title="Your file waits for us",
        what_happened="The copy of your file that a converter elsewhere needs has not arrived there. Your file is safe and we go on by ourselves.",
        actions=(WE_GO_ON, ASK_FOR_HELP),
        matches=(Match("engine", code="REPLICA_MISSING"),),
        examples=({"source": "engine", "code": "REPLICA_MISSING", "message": "the bucket of eu-central-1 has no copy"},),
        runbook="Look at the replication of the uploads' bucket (S3 console, Replication metrics) and at MEDIACONVERT_SOURCE_BUCKETS.",
        **OURS | {"category": Category.STORAGE, "severity": "critical"},
    )


class NoEngineLeft(AppError):
    entry = Entry(
        code="ENCODING_NO_ENGINE",
        title="No converter can take this now",
        what_happened="The chosen converter is not one of those this video can be converted with.",
        actions=(TRY_AGAIN,),
        runbook="Choose an engine that the setting ENGINES names.",
        **OURS | {"status": 409, "category": Category.CONFLICT, "retry": Retry.AFTER_CHANGE, "severity": "info"},
    )
