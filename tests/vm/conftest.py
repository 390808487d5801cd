# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine for all tests of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import Machine, MachineError, image, say

FRESH = """
exportfs -ua; umount -fa -t nfs4; systemctl disable --now nfs-server 'immich-guard-*.timer'; rm -rf /etc/exports.d /etc/nfs.conf.d/*; mkdir -p /etc/nfs.conf.d
for pool in $(zpool list -Ho name); do zpool destroy -f $pool; done; rm -rf /srv/* /tank /full /elsewhere /var/tmp/*
rm -rf /etc/systemd/system/immich-guard-* /usr/local/lib/immich-guard /etc/immich-guard /var/lib/immich-guard
userdel reader; userdel -r admin; userdel immich-guard; groupdel family
"""
READY = """
truncate -s 1G /var/tmp/tank; zpool create -O mountpoint=/tank tank /var/tmp/tank; mkdir -p /mnt/n
groupadd -g 1000 family; useradd -u 6000 -U -G family reader
useradd -m admin; cp -r /root/.ssh /home/admin; chown -R admin /home/admin/.ssh; echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
"""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine with an empty pool."""
    keep = os.environ.get("NAS_MACHINE")
    work = Path(keep) if keep else tmp_path_factory.mktemp("nas")
    try:
        machine = Machine(image(), work, keep=bool(keep))
        machine.start()
    except MachineError as error:
        pytest.exit(str(error), returncode=1)
    try:
        if machine.found:
            machine.sh(FRESH, check=False)
        machine.sh(READY)
        yield machine
    finally:
        machine.stop()


@pytest.fixture(autouse=True)
def named(request: pytest.FixtureRequest) -> None:
    """Progress: the machine is slow where there is no KVM."""
    say(request.node.name)
