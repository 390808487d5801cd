# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer says, and whether it is one of Immich's: the only place that looks at an answer before it is used."""

from __future__ import annotations

import email.utils
import json
import re
import time
import urllib.parse
from typing import Any, NoReturn

from .errors import OTHER_ADDRESS
from .transport import Response

NOT_READY = (429, 502, 503, 504)
# no answer of Immich's is nested deeper than ten
_DEEPEST = 50
# how a refusal begins that is about who asks, and not about what
_MAY_NOT = ("Forbidden", "Missing required permission")


def is_page(response: Response) -> bool:
    """Say whether this is a web page."""
    return "text/html" in response.headers.get("content-type", "").lower() or response.body.lstrip()[:1] == b"<"


def parse(body: bytes) -> Any:
    """Read an answer; raise ValueError for what is not JSON, or cannot be worked with."""
    try:
        answer = json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check(answer)
    return answer


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _check(answer: Any) -> None:
    """Refuse what no later step could copy, compare, send or print."""
    level, depth = [answer], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        # half a character (a lone surrogate) can be written in JSON, but in no other text
        "".join(texts).encode()
        level = [child for value in level if isinstance(value, dict | list) for child in (value.values() if isinstance(value, dict) else value)]


def said(body: bytes) -> tuple[str, bool]:
    """Read the words of an error body, and whether they are those of the Kubernetes API in front of Immich."""
    try:
        answer = parse(body)
    except ValueError:
        return "", False
    if not isinstance(answer, dict):
        return "", False
    message, errors = answer.get("message"), answer.get("errors")
    words = [str(part) for part in message] if isinstance(message, list) else [str(message)] if message else []
    # 3.x says which field in `errors`, 2.x in `message`
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            path = error.get("path")
            where = ".".join(str(part) for part in path) if isinstance(path, list) else ""
            words.append(f"{where}: {error.get('message', '')}" if where else str(error.get("message", "")))
    return printable("; ".join(words))[:500].rstrip("."), answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"


def printable(text: str) -> str:
    """Write a text of the server's on one line, with nothing in it that a terminal would obey."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def redirected_to(response: Response) -> str:
    """Name where a redirect leads, without anything that could be a secret."""
    try:
        target = urllib.parse.urlsplit(response.headers.get("location", ""))
        return printable(f"{target.scheme}://{target.hostname}") if target.hostname else "another path"
    except ValueError:
        return "another address"


def retry_after(response: Response) -> float:
    """Read how many seconds the server asks to wait; 0 when it does not say."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError, IndexError):
        return 0.0


def advice(status: int, words: str = "", *, kubernetes: str = "", session: bool = False) -> str:
    """Say what to do about a status and the words with it; `kubernetes` is the address that the Kubernetes API answered for."""
    if kubernetes:
        through = re.search(r"/namespaces/([^/]+)/services/([^/:]+)", kubernetes)
        namespace, service = through.groups() if through else ("NAMESPACE", "immich-server")
        return {
            401: "the Kubernetes API does not accept the credentials of this kubeconfig and context",
            403: "the user of this kubeconfig and context needs get, create, update and delete on services/proxy in the namespace",
            404: "check namespace and service: the cluster has no such Service",
        }.get(status, f"no pod of the Service answers; look with kubectl -n {namespace} get pods and kubectl -n {namespace} logs deployment/{service}")
    if status == 401:
        return "check email and password" if session else "check the API key, or email and password"
    if status == 403 and words and not words.startswith(_MAY_NOT):
        return "correct what the server names"
    if status == 403 and session:
        return "the user must be an administrator"
    if status == 403:
        return "the key needs that permission, and an administrator as its owner; the module homelab.immich.api_key makes such a key"
    if status == 404:
        return f"{OTHER_ADDRESS}, and that the server is not in maintenance mode"
    if status == 429:
        return "the server, or a proxy in front of it, asks to slow down; try again later"
    if status in NOT_READY:
        return "the server is starting or overloaded; try again when it is ready"
    if status >= 500:
        return "the server's log says more"
    return "correct what the server names"


def mismatch(value: Any, shape: Any, where: str = "the answer") -> str | None:
    """Compare a parsed answer with a shape: a type, a tuple of shapes (any of them), [shape], or {key: shape}; say what differs."""
    if isinstance(shape, tuple):
        return None if any(mismatch(value, option) is None for option in shape) else f"{where} is {type(value).__name__}"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} is not an object"
        missing = next((key for key in shape if key not in value), None)
        if missing is not None:
            return f"{where} has no {missing}"
        return next(filter(None, (mismatch(value[key], part, f"{where}.{key}") for key, part in shape.items())), None)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is not a list"
        return next(filter(None, (mismatch(item, shape[0], f"{where}[{index}]") for index, item in enumerate(value))), None)
    if shape is None:
        return None if value is None else f"{where} is not null"
    # bool is a kind of int in Python, not in JSON
    fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return None if fits else f"{where} is {type(value).__name__}, not {shape.__name__}"
