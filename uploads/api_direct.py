"""Parts straight to S3, at the addresses that Uppy's `@uppy/aws-s3` asks a Companion for (`companionEndpoint: "/api/v1"`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from knox.auth import TokenAuthentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from resilience.http.api import person
from uploads.attachments.holders import PURPOSE
from uploads.direct.access import OwnPageAuthentication, ResumeTokenAuthentication, find
from uploads.direct.begin import begin_direct, require_available
from uploads.direct.count import finish, parts_listed
from uploads.direct.sign import SECONDS, sign_parts
from uploads.direct.wire import (
    AddressesSerializer,
    AddressSerializer,
    BeginSerializer,
    BegunSerializer,
    ClaimSerializer,
    JoinedSerializer,
    PartSerializer,
    content_md5,
    part_numbers,
)
from uploads.errors import HeaderInvalid, UploadComplete
from uploads.errors.attachments import AttachmentWayRefused
from uploads.models import SessionState
from uploads.protocol.requests import ROOT
from uploads.services.abort import abort_upload
from uploads.services.create import create_upload
from uploads.services.ended import why_ended
from uploads.services.videos import video_of
from uploads.store.s3 import names

KEY = OpenApiParameter("key", str, description="As it was told; not looked at.")
MD5 = OpenApiParameter("md5", str, description="MD5 of the part's bytes, base64. The PUT must then say the same in `Content-MD5`, and S3 takes no other bytes.")


class DirectView(APIView):
    authentication_classes: Sequence[type[BaseAuthentication]] = (TokenAuthentication, ResumeTokenAuthentication, OwnPageAuthentication)
    rate_group = "parts"


class BeginView(DirectView):
    authentication_classes: Sequence[type[BaseAuthentication]] = (TokenAuthentication, OwnPageAuthentication)

    @extend_schema(request=BeginSerializer, responses=BegunSerializer, operation_id="direct_begin")
    def post(self, request: Request) -> Response:
        """Begin an upload. Its parts are equal, and of at least 5 MiB; the last one may be smaller."""
        require_available()
        given = BeginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        owner, metadata = person(request), given.validated_data.get("metadata") or {}
        if _text(metadata, "purpose") == PURPOSE:
            raise AttachmentWayRefused(way="straight to the storage")
        created = create_upload(
            owner=owner,
            length=_size(metadata),
            file_name=given.validated_data["filename"],
            declared_type=given.validated_data.get("type") or "",
            fingerprint=_text(metadata, "fingerprint"),
            video=video_of(owner, _text(metadata, "video")),
        )
        begin_direct(created.session, own_parts=True)
        public_id = created.session.public_id
        return Response({"key": names.whole(public_id), "uploadId": public_id, "uploadUrl": f"{ROOT}/{created.secret}"})


class UploadView(DirectView):
    @extend_schema(responses=PartSerializer(many=True), parameters=[KEY], operation_id="direct_parts")
    def get(self, request: Request, id: str) -> Response:
        """List the parts that have arrived."""
        session = find(request, id, "status")
        return Response([{"PartNumber": part.number, "Size": part.size, "ETag": f'"{part.etag}"'} for part in parts_listed(session)])

    @extend_schema(responses={204: OpenApiResponse(description="Canceled; what had arrived is thrown away.")}, parameters=[KEY], operation_id="direct_abort")
    def delete(self, request: Request, id: str) -> Response:
        """Cancel the upload."""
        session = find(request, id, "cancel")
        if not abort_upload(session) and session.state != SessionState.ABORTED:
            raise why_ended(session) or UploadComplete()
        return Response(status=204)


class AddressView(DirectView):
    @extend_schema(responses=AddressSerializer, parameters=[KEY, MD5], operation_id="direct_sign")
    def get(self, request: Request, id: str, number: str) -> Response:
        """Get the address to PUT one part to."""
        md5 = content_md5(request.query_params.get("md5", ""))
        (address,) = sign_parts(find(request, id, "append"), [int(number)], md5=md5)
        return Response({"url": address.url, "expires": SECONDS})


class AddressesView(DirectView):
    @extend_schema(
        responses=AddressesSerializer,
        parameters=[KEY, OpenApiParameter("partNumbers", str, required=True, description="1,2,3")],
        operation_id="direct_sign_some",
    )
    def get(self, request: Request, id: str) -> Response:
        """Get the addresses of the next few parts. They are good for a quarter of an hour: ask for what is sent soon."""
        numbers = part_numbers(request.query_params.get("partNumbers", ""))
        found = sign_parts(find(request, id, "append"), numbers)
        return Response({"presignedUrls": {str(address.number): address.url for address in found}, "expires": SECONDS})


class FinishView(DirectView):
    @extend_schema(request=ClaimSerializer, responses=JoinedSerializer, parameters=[KEY], operation_id="direct_finish")
    def post(self, request: Request, id: str) -> Response:
        """Say that all parts are sent. Sent again, it is answered again."""
        session = find(request, id, "append")
        given = ClaimSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        session = finish(session, claimed=len(given.validated_data.get("parts", [])))
        video = session.its_video.public_id
        return Response({"location": f"{settings.BASE_URL}/videos/{video}/", "key": names.whole(session.public_id), "bucket": settings.S3_BUCKET})


def _size(metadata: dict[str, Any]) -> int | None:
    """The file's size out of what the client says about it; None where it says nothing.

    Raises:
        HeaderInvalid: it is no size.
    """
    given = metadata.get("size")
    if given is None or given == "":
        return None
    text = str(given)
    if isinstance(given, bool) or not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise HeaderInvalid(header="metadata.size")
    return int(text)


def _text(metadata: dict[str, Any], name: str) -> str:
    value = metadata.get(name)
    return value if isinstance(value, str) else ""
