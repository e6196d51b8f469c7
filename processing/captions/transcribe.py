"""Amazon Transcribe: it reads the sound from our bucket, writes a WebVTT file there, and is asked now and then whether it is done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from processing import store
from processing.captions.base import Heard, Unknown, Work, guarded
from processing.captions.errors import CaptionsAway, CaptionsRefused
from processing.captions.vtt import cues_in, language_tag
from processing.engines.mediaconvert import client

SOUND, TRANSCRIPT, SUBTITLES = "sound.m4a", "transcript.json", "transcript.vtt"
_NO_SUCH_JOB = "couldn't be found"
_WRONG = frozenset({"BadRequestException", "ValidationException"})
_AGAIN = frozenset({"LimitExceededException", "InternalFailureException", "ThrottlingException", "RequestTimeout"})
T = TypeVar("T")


class TranscribeEngine:
    """Implements `CaptionEngine`. The name of a try is the name of its job, so that a try has one job however often it is begun."""

    def listen(self, work: Work) -> Heard | None:
        job = _find(work.name) or _begin(work)
        match job.get("TranscriptionJobStatus"):
            case "COMPLETED":
                return self._heard(job, work)
            case "FAILED":
                raise CaptionsRefused() from RuntimeError(str(job.get("FailureReason", "no reason given")))
        return None

    def forget(self, name: str) -> None:
        with contextlib.suppress(Unknown):
            _ask(lambda: _client().delete_transcription_job(TranscriptionJobName=name))

    def _heard(self, job: dict[str, Any], work: Work) -> Heard:
        try:
            text = store.read_text(f"{work.folder}/{SUBTITLES}")
        except FileNotFoundError as missing:
            raise CaptionsAway() from missing  # it says it is done before all of its files are seen
        return Heard(tuple(cues_in(text)), settings.CAPTIONS_LANGUAGE or language_tag(str(job.get("LanguageCode", ""))))


def _find(name: str) -> dict[str, Any] | None:
    try:
        job: dict[str, Any] = _ask(lambda: _client().get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"])
    except Unknown:
        return None
    return job


def _begin(work: Work) -> dict[str, Any]:
    """Put the sound into the bucket, then have it listened to."""
    prefix = f"{settings.RENDITION_PREFIX}{work.folder}"
    store.put_file(work.sound(), f"{work.folder}/{SOUND}")
    work.check()
    language = {"LanguageCode": settings.CAPTIONS_LANGUAGE} if settings.CAPTIONS_LANGUAGE else {"IdentifyLanguage": True}
    return _ask(
        lambda: _client().start_transcription_job(
            TranscriptionJobName=work.name,
            Media={"MediaFileUri": f"s3://{settings.RENDITION_BUCKET}/{prefix}/{SOUND}"},
            MediaFormat="m4a",
            OutputBucketName=settings.RENDITION_BUCKET,
            OutputKey=f"{prefix}/{TRANSCRIPT}",
            Subtitles={"Formats": ["vtt"]},
            **language,
        )["TranscriptionJob"]
    )


def _ask(call: Callable[[], T]) -> T:
    def once() -> T:
        try:
            return call()
        except ClientError as failure:
            raise _meaning(failure) from failure
        except BotoCoreError as failure:
            raise CaptionsAway() from failure

    return guarded(once)


def _meaning(failure: ClientError) -> Exception:
    code = str(failure.response.get("Error", {}).get("Code", ""))
    status = int(failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
    if _NO_SUCH_JOB in str(failure) or code == "NotFoundException":
        return Unknown()
    if code == "ConflictException":
        return CaptionsAway()  # somebody began it at the same moment: the next look finds it
    return CaptionsAway() if status >= 500 or code in _AGAIN else CaptionsRefused()


def _client() -> Any:
    return client.made("transcribe", region=settings.S3_REGION, endpoint_url=settings.CAPTIONS_URL)
