# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusals of an Immich server, in the words and shapes of 2.x and 3.x."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from .dialects import Version


class Refused(Exception):
    """An HTTP error with a message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def body(self, version: Version, correlation_id: str) -> dict[str, Any]:
        if version >= (3, 0, 0):
            return {"message": self.message}
        # 2.x adds the reason phrase, except for what is nobody's fault but its own
        reason = {} if self.status == HTTPStatus.INTERNAL_SERVER_ERROR else {"error": HTTPStatus(self.status).phrase}
        return {"message": self.message, **reason, "statusCode": self.status, "correlationId": correlation_id}


def bad_request(message: str) -> Refused:
    return Refused(400, message)


@dataclass(frozen=True)
class Issue:
    """One fault of a request: as zod (3.x) and as class-validator (2.x) say it."""

    path: tuple[str | int, ...]
    zod: dict[str, Any]
    classic: tuple[str, ...]


class Invalid(Refused):
    """A request that does not have the form the API asks for."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(400, "Validation failed")
        self.issues = issues

    def body(self, version: Version, correlation_id: str) -> dict[str, Any]:
        if version >= (3, 0, 0):
            return {"message": "Validation failed", "errors": [{**issue.zod, "path": list(issue.path)} for issue in self.issues]}
        messages = [message for issue in self.issues for message in issue.classic]
        return {"message": messages, "error": "Bad Request", "statusCode": 400, "correlationId": correlation_id}


NO_UUID = {"origin": "string", "code": "invalid_format", "format": "uuid", "message": "Invalid UUID"}


def not_a_uuid(name: str) -> Invalid:
    return Invalid([Issue((name,), NO_UUID, (f"{name} must be a UUID",))])
