# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of an NFSv4 client (RFC 7530) to look at an export as a pod with some uid sees it: nothing is mounted, and nothing can be changed with it."""

from __future__ import annotations

import errno
import io
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

PORT = 2049
_PROGRAM, _VERSION, _NULL, _COMPOUND = 100003, 4, 0, 1
_AUTH_NONE, _AUTH_SYS = 0, 1
_ACCESS, _GETATTR, _LOOKUP, _PUTROOTFH = 3, 9, 15, 24
_TYPE, _MODE, _OWNER, _OWNER_GROUP = 1, 33, 36, 37  # attributes that we ask for, in the order of their numbers
_DIRECTORY = 2
_READ, _ENTER, _MODIFY, _EXTEND = 1, 2, 4, 8
OK, PERM, NOENT, ACCES, NOTDIR, DELAY, OTHER_MINOR = 0, 1, 2, 13, 20, 10008, 10021
_REFUSED = {1: "bad credentials", 2: "rejected credentials", 5: "credentials that are too weak"}  # auth_stat
_LONGEST = 1 << 20
_NOT_NFS = "answers with something that is not NFS"
_NO_SUCH_PORT = (errno.EACCES, errno.EADDRINUSE, errno.EADDRNOTAVAIL)  # not for this user, or taken


class NfsError(Exception):
    """The server does not speak NFSv4 with us; why, as the end of a sentence."""


@dataclass(frozen=True)
class Folder:
    """A folder on the server, as one uid sees it."""

    owner: str
    group: str
    mode: int | None
    read: bool
    write: bool


@dataclass(frozen=True)
class Identity:
    """Who asks: numbers, as AUTH_SYS carries them."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


class Server:
    """One connection. From a port below 1024 where this user may have one, as a mount has it; `reserved` says whether."""

    def __init__(self, address: str, port: int = PORT, timeout: float = 5):
        self._timeout, self._number = timeout, 0
        self._socket, self.reserved = _connect(address, port, timeout)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def ping(self) -> None:
        """Whether it speaks NFSv4 at all."""
        self._call(_NULL, b"", None)

    def speaks(self, minor: int) -> bool:
        """Whether it speaks NFSv4.<minor>: a compound of nothing is answered in any minor version that it has."""
        return self._compound(minor, [], Identity())[0] != OTHER_MINOR

    def look(self, path: str, who: Identity) -> tuple[int, Folder | None]:
        """What is at a path, or the status that says why nothing is seen. It is resolved from the server's root, as a mount does it."""
        bitmap = _numbers(2, 1 << _TYPE, 1 << (_MODE - 32) | 1 << (_OWNER - 32) | 1 << (_OWNER_GROUP - 32))
        wanted = _READ | _ENTER | _MODIFY | _EXTEND
        names = [part for part in path.split("/") if part]
        operations = [_numbers(_PUTROOTFH), *(_numbers(_LOOKUP) + _opaque(name.encode()) for name in names)]
        status, answer = self._compound(0, [*operations, _numbers(_GETATTR) + bitmap, _numbers(_ACCESS, wanted)], who)
        if status != OK:
            return status, None
        for _operation in operations:
            answer.numbers(2)
        return _folder(answer)

    def _compound(self, minor: int, operations: Sequence[bytes], who: Identity) -> tuple[int, _Answer]:
        """The status of a compound, and its answer from the first operation on."""
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._call(_COMPOUND, _opaque(b"") + _numbers(minor, len(operations)) + b"".join(operations), who)
            (status,) = answer.numbers(1)
            answer.opaque()
            answer.numbers(1)
            if status != DELAY or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.2)  # the server is still asking its mountd

    def _call(self, procedure: int, arguments: bytes, who: Identity | None) -> _Answer:
        self._number += 1
        credentials = _numbers(_AUTH_NONE, 0)
        if who is not None:
            body = _numbers(0) + _opaque(b"") + _numbers(who.uid, who.gid, len(who.groups), *who.groups)
            credentials = _numbers(_AUTH_SYS) + _opaque(body)
        message = _numbers(self._number, 0, 2, _PROGRAM, _VERSION, procedure) + credentials + _numbers(_AUTH_NONE, 0) + arguments
        try:
            self._socket.sendall(_numbers(1 << 31 | len(message)) + message)
            return self._accepted(_Answer(self._record()))
        except TimeoutError:
            raise NfsError(f"does not answer within {self._timeout:g} seconds") from None
        except OSError as error:
            raise NfsError(f"ends the connection ({error.strerror or error})") from None

    def _record(self) -> bytes:
        """One answer, which may come in fragments."""
        record, last = b"", False
        while not last:
            head = int.from_bytes(self._exactly(4), "big")
            last, length = bool(head >> 31), head & 0x7FFFFFFF
            if len(record) + length > _LONGEST:
                raise NfsError(_NOT_NFS)
            record += self._exactly(length)
        return record

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                raise ConnectionResetError("it hangs up")
            data += part
        return data

    def _accepted(self, answer: _Answer) -> _Answer:
        number, reply, denied = answer.numbers(3)
        if number != self._number or reply != 1:
            raise NfsError(_NOT_NFS)
        if denied:
            (why,) = answer.numbers(1)
            raise NfsError(f"refuses us for {_REFUSED.get(answer.numbers(1)[0], 'our credentials')}" if why == 1 else "speaks another version of RPC")
        answer.numbers(1)
        answer.opaque()
        (state,) = answer.numbers(1)
        if state in (1, 2):
            raise NfsError("speaks NFS, but not version 4, which the cluster mounts with")
        if state:
            raise NfsError(_NOT_NFS)
        return answer


class _Answer:
    """What the server sent, read from front to back."""

    def __init__(self, data: bytes):
        self._data = io.BytesIO(data)

    def numbers(self, count: int) -> list[int]:
        return [int.from_bytes(self._bytes(4), "big") for _each in range(count)]

    def opaque(self) -> bytes:
        (length,) = self.numbers(1)
        data = self._bytes(length)
        self._bytes(-length % 4)
        return data

    def _bytes(self, length: int) -> bytes:
        data = self._data.read(length)
        if len(data) < length:
            raise NfsError(_NOT_NFS)
        return data


def _folder(answer: _Answer) -> tuple[int, Folder | None]:
    """The answers to GETATTR and ACCESS."""
    answer.numbers(2)
    (words,) = answer.numbers(1)
    bits = sum(word << (32 * index) for index, word in enumerate(answer.numbers(words)))
    values = _Answer(answer.opaque())
    kind = values.numbers(1)[0] if bits >> _TYPE & 1 else _DIRECTORY
    mode = values.numbers(1)[0] if bits >> _MODE & 1 else None
    owner, group = (values.opaque().decode(errors="replace") if bits >> attribute & 1 else "" for attribute in (_OWNER, _OWNER_GROUP))
    answer.numbers(2)
    _supported, granted = answer.numbers(2)
    if kind != _DIRECTORY:
        return NOTDIR, None
    read, write = _READ | _ENTER, _MODIFY | _EXTEND
    return OK, Folder(owner, group, mode, granted & read == read, granted & write == write)


def _connect(address: str, port: int, timeout: float) -> tuple[socket.socket, bool]:
    """A connection, and whether it is from a reserved port, which servers ask for unless an export says `insecure`."""
    for source in (*(("", own) for own in range(1023, 1000, -1)), None):
        try:
            return socket.create_connection((address, port), timeout, source), source is not None
        except OSError as error:
            if source is None or error.errno not in _NO_SUCH_PORT:
                raise NfsError(f"does not answer on port {port} ({error.strerror or error})") from None
    raise AssertionError("the last source is any port")


def _numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def _opaque(data: bytes) -> bytes:
    return _numbers(len(data)) + data + bytes(-len(data) % 4)
