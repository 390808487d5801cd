# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup of one volume as a CronJob runs it: see docs/backup.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from ..guard.shared import ConfigMap
from ..immich.errors import ImmichError
from ..pod_api import pod_api
from .config import Config, ConfigError
from .run import EXIT_CODES, Backup
from .volsync import Replication

_CODES = """\
exit codes:
  0  backed up
  2  the command line or the config is wrong
  3  the Kubernetes API does not answer
  4  refused: the volume is not what it should be; nothing was backed up
  5  VolSync could not back it up
  6  the snapshot has fewer files than the volume
"""


def main(arguments: list[str] | None = None) -> int:
    """Back up once; return how the process ends."""
    parser = argparse.ArgumentParser(
        prog="volume-backup",
        description="Back up one volume with VolSync, and see that it was.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON file that the role backup renders")
    given = parser.parse_args(arguments)
    try:
        config = Config.read(json.loads(given.config.read_text(encoding="utf-8")))
    except (ConfigError, OSError, ValueError) as error:
        return _end(2, f"{given.config}: {error}")
    try:
        call, namespace = pod_api()
        replication, memory = Replication(call, namespace, config.source), ConfigMap(call, namespace, config.memory)
        outcome = Backup(config, replication, memory, os.environ.get("RESTIC_REPOSITORY", ""), tell=_tell).run()
    except ImmichError as error:
        return _end(3, str(error))
    return _end(EXIT_CODES[outcome.word], outcome.message)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _end(code: int, message: str) -> int:
    _tell(message)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
