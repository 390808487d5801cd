# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server answers, each module ends as it should, or with a sentence: never with a traceback."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal.immich import dialects

from .cases import GOOD, MODULES, case, ways

ROUNDS = 120
STATUSES = (200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503)
TYPES = ("application/json", "application/json; charset=utf-16", "text/html", "text/plain", "application/octet-stream", "")
TEXTS = ("", "x", "é\u2028", "\ud800", "\x1b[31m", "../..", "0", "a" * 100_000, "2026-01-01T00:00:00.000Z", "00000000-0000-4000-8000-000000000000")
NUMBERS = (0, -1, 1, 2**63, 10**400, 0.5, 1e308, True, False, None)


def anything(chance: random.Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = chance.randrange(6 if depth else 3)
    if kind < 2:
        return chance.choice(NUMBERS)
    if kind == 2:
        return chance.choice(TEXTS)
    names = ["id", "name", "message", "errors", "path", "permissions", "email", chance.choice(TEXTS)]
    if kind < 5:
        return {chance.choice(names): anything(chance, depth - 1) for _entry in range(chance.randrange(4))}
    return [anything(chance, depth - 1) for _entry in range(chance.randrange(4))]


def spoiled(value: Any, chance: random.Random) -> Any:
    """A good answer with some of it replaced, left out, or added."""
    if chance.random() < 0.15:
        return anything(chance)
    if isinstance(value, dict):
        kept = {key: spoiled(part, chance) for key, part in value.items() if chance.random() > 0.05}
        return kept | ({chance.choice(TEXTS): anything(chance)} if chance.random() < 0.2 else {})
    if isinstance(value, list):
        return [spoiled(item, chance) for item in value for _copy in range(chance.choice((0, 1, 1, 1, 2)))]
    return value


def body(good: Any, chance: random.Random) -> bytes:
    """The bytes of an answer: mostly JSON, in some encoding, whole or not."""
    text = json.dumps(spoiled(good, chance) if chance.random() < 0.8 else anything(chance), ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.05:
        text = chance.choice(["[" * 5000 + "]" * 5000, '{"a":' * 300 + "1" + "}" * 300, "NaN", "[Infinity]", '{"id": 1, "id": 2}', "[" + "1," * 200_000 + "1]"])
    content = text.encode(chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1", "cp037")), "replace")
    if chance.random() < 0.1:
        content = content[: chance.randrange(len(content) + 1)]
    return chance.randbytes(chance.randrange(200)) if chance.random() < 0.05 else content


def answer(good: Any, chance: random.Random) -> bytes:
    """A whole response."""
    content = body(good, chance)
    status, kind = chance.choice(STATUSES), chance.choice(TYPES)
    headers = [f"HTTP/1.1 {status} X", f"content-type: {kind}", "connection: close", f"location: {chance.choice(['/login', 'http://[', '//x', 'é'])}"]
    headers += [f"retry-after: {chance.choice(['0', '-1', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT', '9' * 30])}"] if chance.random() < 0.3 else []
    headers += [f"set-cookie: immich_maintenance_token={chance.choice(['a.b.c', '', 'é', 'x' * 9000])}; Path=/"] if chance.random() < 0.3 else []
    length = len(content) + chance.choice((0, 0, 0, 0, 5))
    return "\r\n".join([*headers, f"content-length: {0 if status == 204 else length}", "", ""]).encode() + content


@pytest.mark.parametrize("name", MODULES)
def test_no_answer_ends_in_a_traceback(scripted: Any, run_module: Any, clock: None, name: str) -> None:
    for number in range(ROUNDS):
        seed = f"{name} {number}"
        chance = random.Random(seed)
        options, check, version = chance.choice(ways(name)), chance.random() < 0.3, dialects.parse(chance.choice(dialects.DIALECTS))
        good = GOOD | {"/api/server/version": dict(zip(("major", "minor", "patch"), version, strict=True))}
        # one answer or all of them
        which = chance.sample(sorted(good), 1 if chance.random() < 0.7 else len(good))
        scripted.route = good | {route: answer(good[route], chance) for route in which}
        credentials = {"api_key": "k3y"} if chance.random() < 0.7 else {"email": "a@example.net", "password": "pass"}
        with case(seed=seed, options=options, check=check, version=version, credentials=credentials, which=which):
            result = run_module(name, check=check, url=scripted.url, timeout=2, **credentials, **options)
            if result.failed:
                assert result.message[0].isupper() and result.message.endswith(".") and "Error:" not in result.message, result.output
                assert result.message.isprintable(), result.output
