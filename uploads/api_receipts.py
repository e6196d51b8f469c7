"""Receipts for programs and people, and the keys to check them with."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from resilience.http.errors import NotFound
from uploads.integrity.receipt import Receipt, public_key_pem

PEM_TYPE = "application/x-pem-file"


class ReceiptSerializer(serializers.Serializer[Receipt]):
    upload = serializers.CharField()
    video = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the whole file, hexadecimal.")
    received_at = serializers.DateTimeField(help_text="When its last byte was safe.")
    key = serializers.CharField(help_text="Which key it is signed with.")
    key_url = serializers.SerializerMethodField(help_text="The public key to check it with.")
    algorithm = serializers.SerializerMethodField()
    signed = serializers.CharField(help_text="The exact text the signature is over, its last line feed included.")
    signature = serializers.CharField(help_text="Of `signed`, base64.")

    def get_key_url(self, receipt: Receipt) -> str:
        return f"/api/v1/receipt-keys/{receipt.key}"

    def get_algorithm(self, receipt: Receipt) -> str:
        return "Ed25519"


class ReceiptKeyView(APIView):
    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = [AllowAny]

    @extend_schema(responses={(200, PEM_TYPE): OpenApiTypes.STR})
    def get(self, request: Request, key: str) -> HttpResponse:
        """Download a public key to check receipts with."""
        pem = public_key_pem(key)
        if pem is None:
            raise NotFound
        answer = HttpResponse(pem, content_type=PEM_TYPE)
        answer["Content-Disposition"] = f'attachment; filename="{key}.pem"'
        answer["Cache-Control"] = "public, max-age=86400"
        return answer
