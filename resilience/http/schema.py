"""The OpenAPI description: every operation also says how it fails."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from .cards import ActionSerializer
from .problems import PROBLEM_TYPE


class FaultSerializer(serializers.Serializer[dict[str, Any]]):
    pointer = serializers.CharField(help_text="JSON Pointer (RFC 6901) to the value.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """How every request fails (RFC 9457). A kind of problem may carry further members, named in the problems catalogue."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()  # type: ignore[assignment] # RFC 9457's name for it
    code = serializers.CharField(help_text="For ever the same for this kind of problem.")
    request_id = serializers.CharField(help_text="Name it when you ask for help.")
    retryable = serializers.BooleanField(help_text="The same request may work later.")
    retry_after = serializers.IntegerField(required=False, help_text="Seconds.")
    doc_url = serializers.CharField()
    actions = ActionSerializer(many=True)
    errors = FaultSerializer(many=True)  # type: ignore[assignment] # RFC 9457's common name for it


Direction = Literal["request", "response"]
_ALWAYS = {"401": "Not signed in", "429": "Too many requests", "503": "Not available right now"}


class DescribedSchema(AutoSchema):
    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        reference = self.resolve_serializer(ProblemSerializer, direction).ref
        for status, description in self._problems().items():
            bodies.setdefault(status, {"description": description, "content": {PROBLEM_TYPE: {"schema": reference}}})
        if self.method == "GET" and "{" in self.path:
            bodies["304"] = {"description": "As the caller has it (If-None-Match)"}
        return bodies

    def _problems(self) -> dict[str, str]:
        found = dict(_ALWAYS)
        if "{" in self.path:
            found["404"] = "Nothing of yours is at this address"
        if self.method in ("POST", "PATCH"):
            found |= {"400": "A value cannot be used", "403": "Not open to you", "409": "Its state does not allow this", "415": "Not JSON"}
        if self.method == "PATCH":
            found |= {"412": "It changed since it was read", "428": "If-Match is missing"}
        if self.method == "DELETE":
            found |= {"403": "Not open to you", "409": "Its state does not allow this"}
        return found
