"""The emulator's API on a port of its own, in the process of the test. Who works on its jobs is the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from processing.emulator.app import Server
from processing.emulator.errors import ApiError
from processing.emulator.service import Emulator
from processing.emulator.state import Canceled, Job, Options, Phase, Services
from tests.emulator import ROLE

INPUT = "s3://holdfast-uploads/uploads/upl_1/source.mp4"
DETAILS = [{"OutputDetails": [{"DurationInMs": 1000, "VideoDetails": {"WidthInPx": 320, "HeightInPx": 180}}]}]


def event_of(job: Job, status: str) -> dict[str, Any]:
    return {"id": f"{job.id}-{status}", "region": job.region, "detail": {"jobId": job.id, "status": status, "userMetadata": dict(job.metadata)}}


class Desk:
    """Fulfils `state.Works`: a job goes as far as `script` says, in the way of the real workers."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.script: Callable[[Job, Services], None] = finish
        self.sent: list[tuple[str, str]] = []
        self.refuse: ApiError | None = None
        self.sending: Callable[[], None] = lambda: None
        self.some = threading.Condition()

    def worker(self, job: Job, services: Services) -> Any:
        script = self.script

        class Worker:
            def run(self) -> None:
                script(job, services)

        return Worker()

    def canceled(self, job: Job, services: Services) -> None:
        services.emit(job, event_of(job, "CANCELED"))

    def probe(self, files: list[dict[str, Any]], services: Services) -> list[dict[str, Any]]:
        if self.refuse is not None:
            raise self.refuse
        return [{"Container": {"Format": "mp4", "Duration": 2.0}} for _ in files]

    def send(self, region: str, bodies: list[str], services: Services) -> None:
        self.sending()
        with self.some:
            self.sent += [(region, body) for body in bodies]
            self.some.notify_all()

    def wait_sent(self, count: int) -> list[str]:
        """Return the bodies of the first events, as soon as so many were sent."""
        with self.some:
            assert self.some.wait_for(lambda: len(self.sent) >= count, 60), f"only {len(self.sent)} events came"
            return [body for _, body in self.sent]


def finish(job: Job, services: Services) -> None:
    services.progress(job, Phase.PROBING, 0)
    services.emit(job, event_of(job, "PROGRESSING"))
    services.progress(job, Phase.TRANSCODING, 50)
    if services.complete(job, DETAILS):
        services.emit(job, event_of(job, "COMPLETE"))


def hold(job: Job, services: Services) -> None:
    """Work until the job is canceled."""
    services.progress(job, Phase.TRANSCODING, 10)
    job.stop.wait(60)
    raise Canceled(job.id)


class Api:
    """A served emulator: `emulator` is the object, `client()` is boto3's own."""

    def __init__(self, emulator: Emulator, desk: Desk, url: str) -> None:
        self.emulator, self.desk, self.url = emulator, desk, url
        self._clients: dict[tuple[str, int], Any] = {}

    def client(self, region: str = "eu-west-1", *, tries: int = 1) -> Any:
        if (region, tries) not in self._clients:
            keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
            config = Config(retries={"total_max_attempts": tries, "mode": "standard"})
            self._clients[region, tries] = boto3.session.Session().client("mediaconvert", endpoint_url=self.url, region_name=region, config=config, **keys)
        return self._clients[region, tries]

    def clear(self) -> None:
        assert self.emulator.reset(), "a job did not stop"
        self.desk.clear()

    def journal(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.emulator.journal.since() if entry["kind"] == kind]

    def ended(self, job_id: str, region: str = "eu-west-1") -> dict[str, Any]:
        """Wait for a job's end and return what GetJob says."""
        job = self.emulator.jobs.get(region, job_id)
        assert job is not None
        wait(lambda: job.finished)
        found: dict[str, Any] = self.client(region).get_job(Id=job_id)["Job"]
        return found

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def wait(condition: Callable[[], Any], *, seconds: float = 60) -> None:
    done = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("what was awaited did not happen")


@contextmanager
def serving(desk: Desk, **options: Any) -> Iterator[Api]:
    emulator = Emulator(Options(queue_url="http://queue.example/events", concurrency=4, **options), desk)
    with Server(emulator) as server:
        emulator.start()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        api = Api(emulator, desk, f"http://127.0.0.1:{server.server_port}")
        try:
            yield api
        finally:
            api.close()
            server.shutdown()
            thread.join(60)
            emulator.stop()


def settings(**output: Any) -> dict[str, Any]:
    """The smallest settings that AWS takes: one HLS output. Members of the output may be replaced."""
    video = {"Width": 320, "Height": 180, "CodecSettings": {"Codec": "H_264", "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 500_000}}}
    aac = {"RateControlMode": "CBR", "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000, "Bitrate": 96_000}
    audio = {"AudioSourceName": "Audio Selector 1", "CodecSettings": {"Codec": "AAC", "AacSettings": aac}}
    whole = {"NameModifier": "_180p", "ContainerSettings": {"Container": "M3U8"}, "VideoDescription": video, "AudioDescriptions": [audio]} | output
    hls = {"Destination": "s3://holdfast-renditions/vid/job/att/index", "SegmentLength": 6, "MinSegmentLength": 0}
    group = {"OutputGroupSettings": {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": hls}, "Outputs": [whole]}
    return {"Inputs": [{"FileInput": INPUT, "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}}], "OutputGroups": [group]}


def job(**members: Any) -> dict[str, Any]:
    """Arguments of CreateJob."""
    return {"Role": ROLE, "Settings": settings(), "UserMetadata": {"attempt_id": "att_1"}} | members


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[int, str, str]:
    """Return status, name and message of the refusal."""
    try:
        answer = call(**arguments)
    except ClientError as refused:
        response = refused.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]
    raise AssertionError(f"was not refused: {answer}")
