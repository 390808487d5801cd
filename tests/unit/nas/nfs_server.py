# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An NFSv4.0 server of a few folders, which answers as nfsd and nfs-ganesha do."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from dataclasses import dataclass


@dataclass
class Folder:
    """Who owns it, and what the export lets anybody do."""

    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    read_only: bool = False
    kind: int = 2  # NF4DIR


class Nfs4(socketserver.ThreadingTCPServer):
    """Use it in a `with` statement. `folders` are what it shows, `port` where it listens, `asked` what every compound was."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, folders: dict[str, Folder], minors: tuple[int, ...] = (0, 1, 2), *, status: int = 0, delays: int = 0, raw: bytes = b""):
        super().__init__(("127.0.0.1", 0), Connection)
        self.folders = {"/": Folder()} | folders
        self.minors, self.status, self.delays, self.raw = minors, status, delays, raw
        self.port = self.server_address[1]
        self.asked: list[tuple[int, ...]] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Nfs4:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()


class Connection(socketserver.StreamRequestHandler):
    """One client."""

    server: Nfs4

    def handle(self) -> None:
        """Answer until it hangs up. Answers go out in two fragments, as a server may send them."""
        with contextlib.suppress(ConnectionError, struct.error):
            while True:
                (head,) = struct.unpack(">I", self.rfile.read(4))
                self._data, self._at = self.rfile.read(head & 0x7FFFFFFF), 0
                answer = self.server.raw or self._reply()
                self.wfile.write(struct.pack(">I", 8) + answer[:8] + struct.pack(">I", 1 << 31 | len(answer) - 8) + answer[8:])

    def _take(self, count: int) -> tuple[int, ...]:
        self._at += 4 * count
        return struct.unpack(f">{count}I", self._data[self._at - 4 * count : self._at])

    def _text(self) -> str:
        (length,) = self._take(1)
        text = self._data[self._at : self._at + length].decode()
        self._at += length + -length % 4
        return text

    def _reply(self) -> bytes:
        number, _call, _rpc, program, version, procedure = self._take(6)
        accepted = struct.pack(">5I", number, 1, 0, 0, 0)
        if (program, version) != (100003, 4) or not self.server.minors:
            return accepted + struct.pack(">3I", 2, 3, 3)  # PROG_MISMATCH: version 3 only
        flavor, _length = self._take(2)
        uid = gid = 0
        groups: tuple[int, ...] = ()
        if flavor == 1:
            self._take(1)
            self._text()
            uid, gid, count = self._take(3)
            groups = self._take(count)
        self._take(2)
        return accepted + struct.pack(">I", 0) + (self._compound(uid, {gid, *groups}) if procedure else b"")

    def _compound(self, uid: int, groups: set[int]) -> bytes:
        self._text()
        minor, count = self._take(2)
        if minor not in self.server.minors:
            return struct.pack(">3I", 10021, 0, 0)
        path, status, results = "", 0, b""
        operations = []
        for _each in range(count):
            (operation,) = self._take(1)
            operations.append(operation)
            if self.server.delays:
                self.server.delays -= 1
                return struct.pack(">5I", 10008, 0, 1, operation, 10008)
            body = b""
            if operation == 15:
                status, path = self._look_up(path, self._text(), uid, groups)
            elif operation == 9:
                self._take(3)
                body = self._attributes(path)
            elif operation == 3:
                (wanted,) = self._take(1)
                body = struct.pack(">2I", wanted, wanted & self._granted(path, uid, groups))
            results += struct.pack(">2I", operation, status) + (b"" if status else body)
            if status:
                break
        self.server.asked.append(tuple(operations))
        return struct.pack(">3I", status, 0, len(operations)) + results

    def _look_up(self, path: str, name: str, uid: int, groups: set[int]) -> tuple[int, str]:
        if self.server.status:
            return self.server.status, path
        above = self.server.folders.get(path or "/", Folder())
        if not _bits(above, uid, groups) & 1:
            return 13, path
        path = f"{path}/{name}"
        shown = any(known == path or known.startswith(f"{path}/") for known in self.server.folders)
        return (0 if shown else 2), path

    def _attributes(self, path: str) -> bytes:
        folder = self.server.folders.get(path or "/", Folder())
        values = struct.pack(">2I", folder.kind, folder.mode)
        for number in (folder.uid, folder.gid):
            text = str(number).encode()
            values += struct.pack(">I", len(text)) + text + bytes(-len(text) % 4)
        return struct.pack(">4I", 2, 1 << 1, 1 << 1 | 1 << 4 | 1 << 5, len(values)) + values

    def _granted(self, path: str, uid: int, groups: set[int]) -> int:
        folder = self.server.folders.get(path or "/", Folder())
        bits = _bits(folder, uid, groups)
        return (1 if bits & 4 else 0) | (2 if bits & 1 else 0) | (4 | 8 if bits & 3 == 3 and not folder.read_only else 0)


def _bits(folder: Folder, uid: int, groups: set[int]) -> int:
    return folder.mode >> (6 if uid == folder.uid else 3 if folder.gid in groups else 0) & 7
