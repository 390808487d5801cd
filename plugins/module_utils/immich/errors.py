# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with Immich. Each message is a sentence for the person who runs the play."""

from __future__ import annotations

OTHER_ADDRESS = "check that url, or namespace and service, leads to Immich itself"


class ImmichError(Exception):
    """Something went wrong."""


class MutationRefused(ImmichError):
    """A request that changes something, in check mode."""


class Unreachable(ImmichError):
    """No answer came."""


class UnexpectedAnswer(ImmichError):
    """An answer came that is not Immich's."""


class ApiError(ImmichError):
    """Immich, or the Kubernetes API in front of it, refused."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unauthorized(ApiError):
    """401: the key, the session or the password is not accepted."""


class Forbidden(ApiError):
    """403: not allowed to."""


class NotFound(ApiError):
    """404: this server has no such address."""


def api_error(message: str, status: int) -> ApiError:
    """Make the error of a status."""
    return {401: Unauthorized, 403: Forbidden, 404: NotFound}.get(status, ApiError)(message, status)
