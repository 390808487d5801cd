# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one Immich stand-in: python -m ansible_collections.homelab.immich.rehearsal.immich --version 3.3.5 --mount /mnt/photos=/tmp/photos"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from pathlib import Path

from aiohttp import web

from .app import create_app
from .dialects import comes_with_data
from .instance import Instance, Mount


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="immich stand-in", description="Play an Immich server on 127.0.0.1.")
    parser.add_argument("--version", default="3.3.5", help="the release to play (default: %(default)s)")
    parser.add_argument("--port", type=int, default=2283, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=Path("immich-rehearsal"), help="where the database and uploads are kept (default: ./%(default)s)")
    parser.add_argument("--mount", action="append", default=[], metavar="PATH=FOLDER", help="a folder of this machine at a path of the server")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="an environment variable of the server")
    return parser.parse_args()


async def main() -> None:
    args = arguments()
    mounts = [Mount(path, Path(folder).absolute()) for path, _equals, folder in (mount.partition("=") for mount in args.mount)]
    media = "/data" if comes_with_data(args.version) else "/usr/src/app/upload"
    if not any(mount.path == media for mount in mounts):
        mounts.append(Mount(media, args.state.absolute() / "media"))
    env = dict(pair.split("=", 1) for pair in args.env)
    for mount in mounts:
        mount.folder.mkdir(parents=True, exist_ok=True)
    instance = Instance("alone", args.version, env, tuple(mounts), "immich")
    runner = web.AppRunner(create_app(lambda namespace, service: instance, args.state / "databases", root=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", args.port).start()
    print(f"Immich {args.version} (stand-in) on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
