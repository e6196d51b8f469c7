"""The service's own model, as botocore carries it: which operations there are, where each member travels, how values are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from .errors import ApiError


@cache
def model() -> ServiceModel:
    service: ServiceModel = botocore.session.Session().get_service_model("mediaconvert")
    return service


@dataclass(frozen=True, slots=True)
class Route:
    """One operation and the members its address gave, by the model's names."""

    operation: OperationModel
    uri: dict[str, str]


@cache
def _routes() -> list[tuple[str, tuple[str, ...], OperationModel]]:
    operations = [model().operation_model(name) for name in model().operation_names]
    return [(item.http["method"], tuple(item.http["requestUri"].strip("/").split("/")), item) for item in operations]


def route(method: str, path: str) -> Route:
    """Find the operation of a request. `path` is as it was sent, still quoted.

    Raises:
        ApiError: 404, there is no such address; 405-like refusals are 404 too, as the service's gateway has it.
    """
    parts = path.strip("/").split("/")
    for verb, pattern, operation in _routes():
        if verb == method and len(pattern) == len(parts) and all(want.startswith("{") or want == have for want, have in zip(pattern, parts, strict=True)):
            named = {want[1:-1]: unquote(have) for want, have in zip(pattern, parts, strict=True) if want.startswith("{")}
            return Route(operation, named)
    raise ApiError("NotFoundException", f"There is no operation {method} {path}")


def wire_name(name: str, shape: Shape) -> str:
    return str(shape.serialization.get("name", name))


@cache
def members_on_wire(structure: Shape) -> Mapping[str, tuple[str, Shape]]:
    """Return a structure's members by the names they have in JSON: name in the model, and shape."""
    return {wire_name(name, member): (name, member) for name, member in structure.members.items()}


def gathered(found: Route, query: Mapping[str, list[str]], body: Any) -> dict[str, Any]:
    """Put together what address, query and body say of an operation's input, by names on the wire. Numbers of the query become numbers.

    Raises:
        ApiError: the body is not an object, or the query has a member that the operation does not know.
    """
    shape = found.operation.input_shape
    if not isinstance(body, dict):
        raise ApiError("BadRequestException", "The request's body must be a JSON object")
    values: dict[str, Any] = dict(body) | found.uri
    places = {name: member.serialization.get("location") for name, (_, member) in members_on_wire(shape).items()} if shape else {}
    for name, given in query.items():
        if places.get(name) != "querystring":
            raise ApiError("BadRequestException", f"/{name}: Should not be there: {found.operation.name} has no such parameter")
        values[name] = _typed(given[-1], members_on_wire(shape)[name][1])
    for name in body:
        if places.get(name) in ("querystring", "uri"):
            raise ApiError("BadRequestException", f"/{name}: Should not be in the body")
    return values


def _typed(text: str, shape: Shape) -> Any:
    if shape.type_name in ("integer", "long"):
        try:
            return int(text)
        except ValueError:
            return text  # refused with its type, like everything else
    return text


def encode(shape: Shape, value: Any) -> Any:
    """Turn a value with the model's names into JSON with the names on the wire. Members that are None or unknown to the model are left out."""
    if shape.type_name == "structure":
        members = shape.members
        found = ((name, members[name], item) for name, item in value.items() if item is not None and name in members)
        return {wire_name(name, member): encode(member, item) for name, member, item in found}
    if shape.type_name == "list":
        return [encode(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: encode(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return int(value)
    return value
