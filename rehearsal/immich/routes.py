# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of routes: one decorator per endpoint says who may call it and since when it exists."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .dialects import Version, permissions, present

if TYPE_CHECKING:
    from .server import Server

ANY_KEY = ""  # a route that every valid key may call; a route without a permission wants a key with `all`


@dataclass
class Call:
    """One request, authenticated and validated."""

    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    user: dict[str, Any] = field(default_factory=dict)
    key: dict[str, Any] | None = None
    session: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)  # those of the request; what a handler adds to set_cookies goes back
    set_cookies: dict[str, str] = field(default_factory=dict)


Handler = Callable[["Server", Call], Any]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Handler
    permission: str = "all"
    admin: bool = False
    public: bool = False
    body: str = ""
    upload: bool = False  # a multipart body with one `file`
    status: int = 200
    maintenance: str = ""  # the first release that answers it in maintenance mode, if any does
    since: str = ""
    before: str = ""

    def held(self, version: Version) -> str:
        """The permission that a key needs. Before 1.136 a route without one took any key, and fewer had one."""
        if version >= (1, 136, 0):
            return self.permission
        name = self.permission.replace("adminUser.", "admin.user.")
        return name if name != "all" and name in permissions(version) else ANY_KEY

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))


ROUTES: list[Route] = []


def route(method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
    """Register a handler; it returns the body of the answer, or None for an empty one."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, **options))
        ROUTES.sort(key=lambda item: "{" in item.path)  # an exact path goes before one with parameters
        return handler

    return register


def find(method: str, path: str, version: Version) -> tuple[Route, dict[str, str]] | None:
    for candidate in ROUTES:
        match = candidate.pattern.fullmatch(path)
        if match and candidate.method == method and present({"since": candidate.since, "before": candidate.before}, version):
            return candidate, match.groupdict()
    return None
