"""What the model says of requests is checked by the model's own data. boto3 checks some of it itself, so these requests are written by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import requests
from botocore.model import Shape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from processing.emulator.errors import BadRequest
from processing.emulator.validate import checked
from processing.emulator.wire import encode, model

from .api import Api, job

SHAPE = model().operation_model("CreateJob").input_shape
WHOLE = encode(SHAPE, job())
OUTPUT = "settings/outputGroups/0/outputs/0"
H264 = f"{OUTPUT}/videoDescription/codecSettings/h264Settings"
AT = "/outputGroups/0/outputs/0"


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the request on the wire with one member set; `path` as in messages."""
    request = copy.deepcopy(WHOLE)
    *parents, last = path.split("/")
    place: Any = request
    for name in parents:
        place = place[int(name)] if name.isdigit() else place.setdefault(name, {})
    place[last] = value
    return request


CASES = [
    # path of the member, its value, the place and words of the message
    ("priority", 51, "/priority: Should be less than or equal to 50"),
    ("priority", -51, "/priority: Should be greater than or equal to -50"),
    ("priority", "5", "/priority: Should be an integer"),
    ("priority", True, "/priority: Should be an integer"),
    ("role", 1, "/role: Should be a string"),
    ("settings", [], "/: Should be an object"),
    ("userMetadata", {"a": 1}, "/userMetadata/a: Should be a string"),
    ("userMetadata", "a", "/userMetadata: Should be an object"),
    ("statusUpdateInterval", "SECONDS_11", '/statusUpdateInterval: Should be equal to one of the allowed values in ["SECONDS_10",'),
    ("accelerationSettings", {}, "/accelerationSettings: mode is a required property"),
    ("accelerationSettings", {"mode": "FAST"}, "/accelerationSettings/mode: Should be equal to one of the allowed values"),
    ("colour", "red", "/: Should not have additional properties: colour"),
    ("settings/inputs", {}, "/inputs: Should be an array"),
    ("settings/inputs/0/fileInput", "file:///etc/passwd", "/inputs/0/fileInput: Should match pattern"),
    ("settings/inputs/0/fileInput", "s3://b/" + "x" * 2048, "/inputs/0/fileInput: Should have at most 2048 characters"),
    ("settings/inputs/0/videoSelector", {"rotate": "SIDEWAYS"}, "/inputs/0/videoSelector/rotate: Should be equal to one of the allowed values"),
    (f"{OUTPUT}/videoDescription/width", 8193, f"{AT}/videoDescription/width: Should be less than or equal to 8192"),
    (f"{OUTPUT}/videoDescription/width", 30, f"{AT}/videoDescription/width: Should be greater than or equal to 32"),
    (f"{OUTPUT}/videoDescription/color", 1, f"{AT}/videoDescription: Should not have additional properties: color"),
    (f"{OUTPUT}/nameModifier", "", f"{AT}/nameModifier: Should have at least 1 characters"),
    (f"{OUTPUT}/containerSettings/container", "AVI", f"{AT}/containerSettings/container: Should be equal to one of the allowed values"),
    (f"{H264}/numberBFramesBetweenReferenceFrames", 8, "numberBFramesBetweenReferenceFrames: Should be less than or equal to 7"),
    (f"{H264}/qvbrSettings", {"qvbrQualityLevel": 11}, "qvbrQualityLevel: Should be less than or equal to 10"),
    (f"{H264}/qvbrSettings", {"qvbrQualityLevelFineTune": 1.5}, "qvbrQualityLevelFineTune: Should be less than or equal to 1"),
    (f"{H264}/gopSize", -1, "gopSize: Should be greater than or equal to 0"),
    (f"{H264}/gopSize", "2", "gopSize: Should be a number"),
    (f"{OUTPUT}/audioDescriptions/0/audioNormalizationSettings", {"targetLkfs": 1}, "targetLkfs: Should be less than or equal to 0"),
    ("settings/outputGroups/0/outputGroupSettings/hlsGroupSettings/destination", "http://x/y", "destination: Should match pattern"),
]


@pytest.mark.parametrize(("path", "value", "words"), CASES, ids=[f"{path.rpartition('/')[2]}-{number}" for number, (path, _, _) in enumerate(CASES)])
def test_what_the_model_does_not_allow_is_refused_with_its_place(api: Api, path: str, value: Any, words: str) -> None:
    answer = requests.post(f"{api.url}/2017-08-29/jobs", json=changed(path, value), timeout=60)
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")
    assert words in answer.json()["message"]
    assert api.journal("job_created") == []


def test_several_faults_are_told_at_once(api: Api) -> None:
    request = changed("priority", 99) | {"role": None}
    answer = requests.post(f"{api.url}/2017-08-29/jobs", json=request, timeout=60)
    assert answer.json()["message"] == "/priority: Should be less than or equal to 50 | /: role is a required property"


def test_a_null_is_an_absent_member(api: Api) -> None:
    answer = requests.post(f"{api.url}/2017-08-29/jobs", json=changed("queue", None), timeout=60)
    assert answer.status_code == 201


def test_all_enums_patterns_and_ranges_of_the_model_are_used() -> None:
    """Each kind of limit that a shape of the model carries is one that the walk knows."""
    kinds = {key for shape in _shapes(SHAPE, {}).values() for key in shape.metadata}
    assert kinds <= {"required", "min", "max", "pattern", "enum", "idempotencyToken", "deprecated", "deprecatedMessage", "document"}


def _shapes(shape: Shape, seen: dict[str, Shape]) -> dict[str, Shape]:
    if shape.name not in seen:
        seen[shape.name] = shape
        inner = {"structure": lambda: shape.members.values(), "list": lambda: [shape.member], "map": lambda: [shape.value]}
        for member in inner.get(shape.type_name, list)():
            _shapes(member, seen)
    return seen


WRONG = st.sampled_from([None, 0, -1, 1.5, 10**12, True, "", "x", [], [1], {}, {"a": 1}, ["x"]])
PATHS = st.sampled_from([path for path, _, _ in CASES] + ["tags", "queue", "hopDestinations", "settings/outputGroups", f"{OUTPUT}/outputSettings"])


@run_with(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PATHS, WRONG)
def test_what_botocore_refuses_is_refused_here_too(path: str, value: Any) -> None:
    request = changed(path, value)
    try:
        taken = checked(SHAPE, request)
    except BadRequest:
        return
    report = ParamValidator().validate(taken, SHAPE)
    assert not report.has_errors(), report.generate_report()
    assert encode(SHAPE, taken) == _without_nulls(request)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
