"""What each supported operation does. One function each, by the operation's name in the model; it gets a checked input and returns the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import present
from .errors import BadRequest, Conflict, NotFound
from .faults import Fault, Subject
from .jobs import as_of
from .queries import matches, page_of
from .rules import check_job
from .service import Emulator
from .state import ENDED, Job, Status
from .tags import check_tags

SEARCHED_AT_MOST = 300  # characters of SearchJobs' InputFile


@dataclass(frozen=True, slots=True)
class Call:
    """One request for an operation. `url` is where the client found us; `lag_s` how far behind the answer must be."""

    emulator: Emulator
    region: str
    url: str
    lag_s: float = 0.0

    def job(self, number: str) -> Job:
        """Raises: NotFound."""
        job = self.emulator.jobs.get(self.region, number)
        seen = as_of(job, self.emulator.clock.now() - self.lag_s) if job and self.lag_s else job
        if seen is None:
            raise NotFound(f"Could not find job with id {number}")
        return seen

    def shown(self, job: Job) -> dict[str, Any]:
        """Describe a job at one moment, not between two of its changes."""
        with self.emulator.jobs.lock:
            return present.job(job)

    def jobs(self) -> list[Job]:
        """Return the region's jobs, newest first, as they are to be seen."""
        jobs = self.emulator.jobs.newest_first(self.region)
        if not self.lag_s:
            return jobs
        when = self.emulator.clock.now() - self.lag_s
        return [seen for job in jobs if (seen := as_of(job, when)) is not None]


Output = dict[str, Any]


def create_job(call: Call, request: dict[str, Any]) -> Output:
    check_job(request)
    check_tags(request.get("Tags", {}))
    emulator = call.emulator
    queue = emulator.queues.find(call.region, request.get("Queue", ""))
    job, is_new = emulator.jobs.create(call.region, request, queue.arn)
    if is_new:
        if tags := request.get("Tags"):
            emulator.tags.put(job.arn, tags)
        answer = {"Job": call.shown(job)}  # as it was submitted, however fast it starts
        emulator.submit(job)
        return answer
    return {"Job": call.shown(job)}


def get_job(call: Call, request: dict[str, Any]) -> Output:
    return {"Job": call.shown(call.job(request["Id"]))}


def cancel_job(call: Call, request: dict[str, Any]) -> Output:
    """The service sends no event for a job that was still waiting (awsdocs/aws-elemental-mediaconvert-user-guide, #12)."""
    job = call.job(request["Id"])
    if not call.emulator.jobs.end(job, Status.CANCELED):
        raise Conflict(f"Job {job.id} is in status {job.status} and cannot be canceled")
    if job.started is not None:
        call.emulator.works.canceled(job, call.emulator)
    return {}


def list_jobs(call: Call, request: dict[str, Any]) -> Output:
    jobs = call.jobs()
    if "Status" in request:
        jobs = [job for job in jobs if job.status == request["Status"]]
    if "Queue" in request:
        arn = call.emulator.queues.find(call.region, request["Queue"]).arn
        jobs = [job for job in jobs if job.queue == arn]
    return _page(call, jobs, request)


def search_jobs(call: Call, request: dict[str, Any]) -> Output:
    """InputFile is a part of an input's URL."""
    part = request.get("InputFile", "")
    if len(part) > SEARCHED_AT_MOST:
        raise BadRequest(f"/inputFile: Should have at most {SEARCHED_AT_MOST} characters")
    return list_jobs(_Found(call.emulator, call.region, call.url, call.lag_s, part), request)


@dataclass(frozen=True, slots=True)
class _Found(Call):
    part: str = ""

    def jobs(self) -> list[Job]:
        return [job for job in Call.jobs(self) if any(self.part in url for url in job.inputs)]


def _page(call: Call, jobs: list[Job], request: dict[str, Any]) -> Output:
    page, token = page_of(jobs, request)
    return {"Jobs": [call.shown(job) for job in page], "NextToken": token}


def start_jobs_query(call: Call, request: dict[str, Any]) -> Output:
    return {"Id": call.emulator.queries.start(call.region, request)}


def get_jobs_query_results(call: Call, request: dict[str, Any]) -> Output:
    asked = call.emulator.queries.request(call.region, request["Id"])
    found = [job for job in call.jobs() if matches(job, asked.get("FilterList", []))]
    return _page(call, found, asked) | {"Status": "COMPLETE"}


def probe(call: Call, request: dict[str, Any]) -> Output:
    files = request.get("InputFiles") or []
    if not files:
        raise BadRequest("/inputFiles: Should have at least 1 items")
    if missing := [f"/inputFiles/{index}: fileUrl is a required property" for index, file in enumerate(files) if "FileUrl" not in file]:
        raise BadRequest(*missing)
    return {"ProbeResults": call.emulator.works.probe(files, call.emulator)}


def describe_endpoints(call: Call, request: dict[str, Any]) -> Output:
    return {"Endpoints": [{"Url": call.url}]}


def create_queue(call: Call, request: dict[str, Any]) -> Output:
    check_tags(request.get("Tags", {}))
    queue = call.emulator.queues.create(call.region, request)
    if tags := request.get("Tags"):
        call.emulator.tags.put(queue.arn, tags)
    return {"Queue": present.queue(queue, call.jobs())}


def get_queue(call: Call, request: dict[str, Any]) -> Output:
    return {"Queue": present.queue(call.emulator.queues.find(call.region, request["Name"]), call.jobs())}


def update_queue(call: Call, request: dict[str, Any]) -> Output:
    return {"Queue": present.queue(call.emulator.queues.update(call.region, request), call.jobs())}


def delete_queue(call: Call, request: dict[str, Any]) -> Output:
    queue = call.emulator.queues.find(call.region, request["Name"])
    left = sum(1 for job in call.jobs() if job.queue == queue.arn and job.status not in ENDED)
    call.emulator.queues.delete(call.region, request["Name"], jobs_left=left)
    return {}


def list_queues(call: Call, request: dict[str, Any]) -> Output:
    """Ordered by name or by creation, in one page: a region has ten queues at most."""
    call.emulator.queues.find(call.region, "")
    by_name = request.get("ListBy", "CREATION_DATE") == "NAME"
    queues = sorted(call.emulator.queues.of(call.region), key=lambda queue: (queue.name if by_name else "", queue.created, queue.name))
    if request.get("Order") == "DESCENDING":
        queues.reverse()
    start = next((index + 1 for index, queue in enumerate(queues) if queue.name == request.get("NextToken")), 0)
    if request.get("NextToken") and not start:
        raise BadRequest("/nextToken: The token is not valid")
    page = queues[start : start + request.get("MaxResults", 20)]
    more = start + len(page) < len(queues)
    jobs = call.jobs()
    return {"Queues": [present.queue(queue, jobs) for queue in page], "NextToken": page[-1].name if more else None}


def tag_resource(call: Call, request: dict[str, Any]) -> Output:
    call.emulator.tags.put(_resource(call, request["Arn"]), request["Tags"])
    return {}


def untag_resource(call: Call, request: dict[str, Any]) -> Output:
    call.emulator.tags.remove(_resource(call, request["Arn"]), request.get("TagKeys", []))
    return {}


def list_tags_for_resource(call: Call, request: dict[str, Any]) -> Output:
    arn = _resource(call, request["Arn"])
    return {"ResourceTags": {"Arn": arn, "Tags": call.emulator.tags.of(arn)}}


def _resource(call: Call, arn: str) -> str:
    """Raises: NotFound: there is no such job or queue in this region."""
    head, kind, name = (arn.rpartition(":")[0], *arn.rpartition(":")[2].partition("/")[::2])
    if head == f"arn:aws:mediaconvert:{call.region}:{call.emulator.options.account}":
        if kind == "queues":
            return call.emulator.queues.find(call.region, name).arn
        if kind == "jobs":
            return call.job(name).arn
    raise NotFound(f"The specified resource doesn't exist: {arn}")


def subject_of(call: Call, operation: str, values: dict[str, Any]) -> Subject:
    """Say whom a request is about, for the fault book. `values` are not checked yet, and have the names of the wire."""
    job = call.emulator.jobs.get(call.region, str(values.get("id", "")))
    if job is not None:
        return Subject(call.region, operation, job.inputs, job.metadata)
    if "inputFile" in values:
        return Subject(call.region, operation, (str(values["inputFile"]),))
    settings, metadata = values.get("settings"), values.get("userMetadata")
    inputs = settings.get("inputs") if isinstance(settings, dict) else values.get("inputFiles")
    urls = [item.get("fileInput") or item.get("fileUrl") for item in inputs or [] if isinstance(item, dict)] if isinstance(inputs, list) else []
    return Subject(call.region, operation, tuple(str(url) for url in urls if url), metadata if isinstance(metadata, dict) else {})


LAGGING = frozenset({"GetJob", "ListJobs", "SearchJobs", "GetJobsQueryResults"})
SUPPORTED: dict[str, Callable[[Call, dict[str, Any]], Output]] = {
    "CancelJob": cancel_job,
    "CreateJob": create_job,
    "CreateQueue": create_queue,
    "DeleteQueue": delete_queue,
    "DescribeEndpoints": describe_endpoints,
    "GetJob": get_job,
    "GetJobsQueryResults": get_jobs_query_results,
    "GetQueue": get_queue,
    "ListJobs": list_jobs,
    "ListQueues": list_queues,
    "ListTagsForResource": list_tags_for_resource,
    "Probe": probe,
    "SearchJobs": search_jobs,
    "StartJobsQuery": start_jobs_query,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateQueue": update_queue,
}
REQUEST_FAULTS = (Fault.THROTTLE, Fault.QUOTA, Fault.FORBIDDEN, Fault.ERROR)
