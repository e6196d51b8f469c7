"""Refusals as the service words them: a name from its model, the HTTP status that belongs to it, and a message."""

from __future__ import annotations

STATUS = {
    "BadRequestException": 400,
    "ServiceQuotaExceededException": 402,
    "ForbiddenException": 403,
    "NotFoundException": 404,
    "ConflictException": 409,
    "UnprocessableEntityException": 422,
    "TooManyRequestsException": 429,
    "InternalServerErrorException": 500,
    "NotImplementedException": 501,
}


class ApiError(Exception):
    """A request is refused.

    Args:
        name: the exception's name in the service's model.
        status: another HTTP status than the name's own (for 502, 503, 504).
    """

    def __init__(self, name: str, message: str, *, status: int | None = None) -> None:
        self.name, self.message = name, message
        self.status = status or STATUS[name]
        super().__init__(f"{self.status} {name}: {message}")


class BadRequest(ApiError):
    """Settings or parameters that AWS refuses, each with its place."""

    def __init__(self, *messages: str) -> None:
        super().__init__("BadRequestException", " | ".join(messages))


class NotFound(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__("NotFoundException", message)


class Conflict(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__("ConflictException", message)


class ConnectionReset(Exception):
    """A fault asks that the client's connection be reset instead of an answer."""
