"""What of the limits is used, for programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from resilience.http.api import person

from .rows import rows_of


class UsageSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="stored, today, attached or open.")
    unit = serializers.CharField(help_text="bytes or uploads.")
    used = serializers.IntegerField(help_text="An unfinished upload counts with all it announced.")
    limit = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    text = serializers.CharField(help_text="Both, for a person to read.")


class UsageView(APIView):
    @extend_schema(responses=UsageSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What you use of the limits on uploads."""
        return Response(UsageSerializer(rows_of(person(request).pk), many=True).data)
