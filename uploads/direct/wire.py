"""What these addresses take and tell, in the shapes of Uppy's Companion (its `s3/multipart` routes)."""

from __future__ import annotations

import base64
from typing import Any

from rest_framework import serializers

from .plan import S3_MOST_PARTS
from .sign import MOST_AT_ONCE


class BeginSerializer(serializers.Serializer[dict[str, Any]]):
    filename = serializers.CharField(max_length=1000)
    type = serializers.CharField(max_length=200, required=False, allow_blank=True, allow_null=True)
    metadata = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="`size` in bytes, if it is known: a file that is too large is then refused before it is sent. `fingerprint` and `video` as at /files/.",
    )


class BegunSerializer(serializers.Serializer[dict[str, Any]]):
    key = serializers.CharField()
    uploadId = serializers.CharField()
    uploadUrl = serializers.CharField(help_text="The rest can also be sent here by tus. It is a secret.")


class PartSerializer(serializers.Serializer[dict[str, Any]]):
    PartNumber = serializers.IntegerField()
    Size = serializers.IntegerField()
    ETag = serializers.CharField()


class AddressSerializer(serializers.Serializer[dict[str, Any]]):
    url = serializers.CharField(help_text="PUT the part's bytes here.")
    expires = serializers.IntegerField(help_text="Seconds.")


class AddressesSerializer(serializers.Serializer[dict[str, Any]]):
    presignedUrls = serializers.DictField(child=serializers.CharField(), help_text="By part number.")
    expires = serializers.IntegerField(help_text="Seconds.")


class ClaimSerializer(serializers.Serializer[dict[str, Any]]):
    """What the client thinks it sent. Only their number is looked at, and only to find that some are missing."""

    parts = serializers.ListField(child=serializers.DictField(), required=False, max_length=S3_MOST_PARTS)


class JoinedSerializer(serializers.Serializer[dict[str, Any]]):
    location = serializers.CharField(help_text="The video's page.")
    key = serializers.CharField()
    bucket = serializers.CharField()


def content_md5(given: str) -> str:
    """Return an MD5 sum in base64, as Content-MD5 has it; empty where none was given.

    Raises:
        ValidationError: it is none.
    """
    try:
        fits = len(base64.b64decode(given, validate=True)) in (0, 16)
    except ValueError:
        fits = False
    if not fits:
        raise serializers.ValidationError({"md5": ["Give the MD5 of the part's bytes in base64 (24 characters)."]})
    return given


def part_numbers(given: str) -> list[int]:
    """Return the numbers of `1,2,3`.

    Raises:
        ValidationError: none, too many, or not numbers.
    """
    pieces = [piece.strip() for piece in given.split(",")]
    if len(pieces) > MOST_AT_ONCE or not all(piece.isascii() and piece.isdecimal() and len(piece) <= 5 for piece in pieces):
        raise serializers.ValidationError({"partNumbers": [f"Name 1 to {MOST_AT_ONCE} part numbers, with commas between."]})
    return sorted({int(piece) for piece in pieces})
