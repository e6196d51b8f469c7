"""Requests the upload address cannot act on as they are."""

from __future__ import annotations

from resilience.errors import ASK_FOR_HELP, AppError, Category, Entry, Fault, Retry, button

_AGAIN = button("Choose the file again", "choose_file")
_GO_ON = button("Go on where it stopped", "resume")


class VersionUnsupported(AppError):
    entry = Entry(
        code="UPLOAD_VERSION_UNSUPPORTED",
        title="This program speaks another upload version",
        what_happened="The program that sends the file speaks a version of the upload protocol that we do not; we speak {supported}.",
        actions=(button("Update the program, then try again", "retry"), ASK_FOR_HELP),
        status=412, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("supported",),
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"Tus-Version": str(self.fields["supported"])}


class HeaderInvalid(AppError):
    entry = Entry(
        code="UPLOAD_HEADER_INVALID",
        title="Part of the upload request cannot be read",
        what_happened="The value of {header} is missing or is not one we can use, so nothing was changed.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("header",),
    )  # fmt: skip


class LengthMissing(AppError):
    entry = Entry(
        code="UPLOAD_LENGTH_UNKNOWN",
        title="We need to know the size of the file first",
        what_happened="The program did not say how large the file is (Upload-Length), nor that it will say so later (Upload-Defer-Length: 1).",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class MetadataInvalid(AppError):
    entry = Entry(
        code="UPLOAD_METADATA_INVALID",
        title="The description of the file cannot be read",
        what_happened="What was sent along about the file (Upload-Metadata) is not in the agreed form: {reason}.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=400, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("reason",),
    )  # fmt: skip


class MediaTypeWrong(AppError):
    entry = Entry(
        code="UPLOAD_MEDIA_TYPE_WRONG",
        title="These bytes came under the wrong label",
        what_happened="Parts of a file are sent with the content type {expected}; this request has another one.",
        actions=(_GO_ON, ASK_FOR_HELP),
        status=415, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("expected",),
    )  # fmt: skip


class OffsetMismatch(AppError):
    entry = Entry(
        code="UPLOAD_OFFSET_MISMATCH",
        title="The upload goes on at another place",
        what_happened="We have the first {expected_offset} bytes of this file, and the request starts at {provided_offset}. Nothing is lost.",
        actions=(_GO_ON,),
        status=409, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_WAIT, severity="info",
        guide="upload-keeps-stopping", fields=("expected_offset", "provided_offset"),
        problem_type="https://iana.org/assignments/http-problem-types#mismatching-upload-offset",
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"Upload-Offset": str(self.fields["expected_offset"])}


class BeyondLength(AppError):
    entry = Entry(
        code="UPLOAD_BEYOND_LENGTH",
        title="More arrived than was announced",
        what_happened="This request would make the file larger than the {length} bytes announced at the start. What we had before is kept.",
        actions=(_AGAIN, ASK_FOR_HELP),
        status=413, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("length", "offset"),
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"Upload-Offset": str(self.fields["offset"])}


class TooLarge(AppError):
    entry = Entry(
        code="UPLOAD_TOO_LARGE",
        title="This file is larger than we take",
        what_happened="The file has {size_text} and we take files up to {limit_text}. Nothing was sent.",
        actions=(button("Export it smaller and choose it again", "choose_file"), ASK_FOR_HELP),
        status=413, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="file-refused", fields=("size", "limit", "size_text", "limit_text"),
    )  # fmt: skip


class ForeignOrigin(AppError):
    entry = Entry(
        code="UPLOAD_FOREIGN_ORIGIN",
        title="This upload was started by another site",
        what_happened="The request came from a page that is not ours, so we did not act on it.",
        actions=(button("Upload from our own page", "home"), ASK_FOR_HELP),
        status=403, category=Category.AUTH, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="warning",
        guide="upload-from-a-program",
    )  # fmt: skip


class KeyReused(AppError):
    entry = Entry(
        code="UPLOAD_KEY_REUSED",
        title="This key already stands for another upload",
        what_happened="The Idempotency-Key was used before for a different file, so we did not start a new upload under it.",
        actions=(button("Start again with a new key", "retry"),),
        status=422, category=Category.CONFLICT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program",
    )  # fmt: skip


class RangeInvalid(AppError):
    entry = Entry(
        code="UPLOAD_RANGE_INVALID",
        title="That part of the file does not exist",
        what_happened="The request asks for bytes that lie outside this file, which has {length} bytes.",
        actions=(button("Ask for the whole file", "retry"),),
        status=416, category=Category.INPUT, fault=Fault.USER, retry=Retry.AFTER_CHANGE, severity="info",
        guide="upload-from-a-program", fields=("length",),
    )  # fmt: skip

    def headers(self) -> dict[str, str]:
        return super().headers() | {"Content-Range": f"bytes */{self.fields['length']}"}
