# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: brake
short_description: Keep an Immich server from purging its trash until somebody looked
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - What a scan trashed by mistake comes back with albums and faces when its files are back, as long as the nightly purge has not taken it.
    The brake switches off that purge (C(nightlyTasks.databaseCleanup); on v1.135, which has no such setting, C(trash.days) becomes ten years) and the
    scans that the server starts by itself. M(homelab.immich.guarded_scan) sets the same brake when it has to.
  - What was changed is remembered in O(memory), and exactly that is put back on release. What somebody else has changed in the meantime is left alone.
  - A server that takes its settings from a file (C(IMMICH_CONFIG_FILE)) refuses changes. Where this collection makes that file
    (C(immich_settings_owner=file)), the same settings are laid over it through O(configmap), and the server is restarted. Elsewhere the error says what
    to write there.
  - With O(state=stopped) the server is scaled to 0; what does not run purges nothing. A release starts it again with as many pods as before.
options:
  state:
    description:
      - Whether the brake is to be set or released, or the server to be stopped, which takes O(context) or O(kubeconfig).
      - With V(remembered) the server is not asked and the brake stays as it is; only O(memory) takes over what O(remembered) says.
    type: str
    choices: [set, stopped, released, remembered]
    default: set
  memory:
    description: The folder of O(homelab.immich.guarded_scan#module:memory).
    type: path
    required: true
  configmap:
    description:
      - Name of a ConfigMap in O(namespace) of O(context) that keeps what the brake changed and the records in the place of O(memory), for all guards of the
        server. What one has braked, another knows of. It is made when it is missing.
    type: str
  remembered:
    description:
      - What another memory remembers of the brake, RV(homelab.immich.guard_info#module:brake). It is taken over, and counts as if it had been set here. Of two
        the older one has seen the settings as they were.
    type: dict
  wait_timeout:
    description: How many seconds to wait for a server that is restarted or started.
    type: int
    default: 900
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Nothing is purged from now on
  homelab.immich.brake:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    memory: /var/lib/immich-guard

- name: Everything is back
  homelab.immich.brake:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    memory: /var/lib/immich-guard
    state: released
"""

RETURN = r"""
since:
  description: When the brake was set. Null if it is not, and before the first setting.
  type: str
  returned: success
why:
  description: What it was set for, in words.
  type: str
  returned: success
left_alone:
  description: Settings that somebody else has changed since, and that a release therefore did not put back.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.guard import brake
from ansible_collections.homelab.immich.plugins.module_utils.guard.run import away
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import Busy, State
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import shared_memory
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.workloads import Workloads

POLL_S = 2.0
BY_HAND = {"why": "Set by hand."}


class Brake:
    """The brake of one server: through its API, in the file of its settings, or by stopping it."""

    def __init__(self, module: ImmichModule, api: Client, memory: State) -> None:
        self._module, self._api, self._memory = module, api, memory
        self._check_mode, self._workloads, self._logged_in = module.check_mode, Workloads, bool(module.params["api_key"])

    def set(self) -> None:
        """Set it, unless the server is stopped, which is more."""
        known = self._memory.brake() or {}
        if known.get("stopped"):
            return
        self._log_in()
        if not brake.from_a_file(self._api):
            brake.set_brake(self._api, self._memory, BY_HAND, check_mode=self._check_mode, record=self._module.record)
            return
        wanted = brake.nested(brake.held(self._api))
        there = self._memory.settings() == wanted
        holds = brake.in_force(self._api)
        self._module.record(Change("settings file", {"brake": there and holds}, {"brake": True}))
        if (there and holds) or self._check_mode:
            return
        if not self._module.params["configmap"]:
            raise ImmichError(f"The server takes its settings from the file of IMMICH_CONFIG_FILE, and configmap is not given: {brake.by_hand(self._api)}.")
        workloads = self._workloads(self._module.params)
        workloads.names()
        self._memory.set_brake({"since": brake.moment(), "settings": {}, **BY_HAND, **known, "file": True})
        self._memory.lay_over(wanted)
        workloads.restart()
        workloads.wait(self._module.params["wait_timeout"])
        if not self._patiently(lambda: brake.in_force(self._api)):
            raise ImmichError(
                "The server was restarted, and does not have the settings of the brake: its file is not one that this collection makes "
                f"(immich_settings_owner: file). {brake.by_hand(self._api)[:1].upper()}{brake.by_hand(self._api)[1:]}."
            )

    def stop(self) -> None:
        """Stop the server: what does not run purges nothing."""
        workloads = self._workloads(self._module.params)
        running = sorted(set(workloads.names()) - set(workloads.stopped()))
        self._module.record(Change("server", {"running": running}, {"running": []}))
        if running and not self._check_mode:
            self._memory.set_brake({"since": brake.moment(), "settings": {}, **BY_HAND, **(self._memory.brake() or {}), "stopped": True})
            workloads.stop()

    def release(self) -> list[str]:
        """Put everything back; return the settings that somebody else has changed since."""
        memory = self._memory.brake()
        if memory is None:
            return []
        if not (memory.get("file") or memory.get("stopped")):
            self._log_in()
            return brake.release(self._api, self._memory, check_mode=self._check_mode, record=self._module.record)
        workloads = self._workloads(self._module.params)
        stopped = workloads.stopped()
        self._module.record(Change("settings file", {"brake": bool(memory.get("file"))}, {"brake": False}))
        self._module.record(Change("server", {"running": sorted(set(workloads.names()) - set(stopped))}, {"running": workloads.names()}))
        if self._check_mode:
            return []
        self._memory.lay_over(None)
        if stopped:
            workloads.start()
        elif memory.get("file"):
            workloads.restart()
        workloads.wait(self._module.params["wait_timeout"])
        self._memory.set_brake({name: value for name, value in memory.items() if name not in ("file", "stopped")})
        if not memory["settings"]:
            self._memory.set_brake(None)
            return []
        self._patiently(self._log_in)
        return brake.release(self._api, self._memory, check_mode=False, record=self._module.record)

    def _log_in(self) -> None:
        if not self._logged_in:
            self._module.login(self._api)
            self._logged_in = True

    def _patiently(self, action: Callable[[], Any]) -> Any:
        """Do it, and again while the server starts."""
        ends = time.monotonic() + self._module.params["wait_timeout"]
        while True:
            try:
                return action()
            except ImmichError as error:
                if time.monotonic() >= ends or not away(error):
                    raise
                time.sleep(POLL_S)


def _take_over(module: ImmichModule, memory: State, known: dict[str, Any] | None) -> None:
    """Write down what another memory remembers."""
    now = memory.brake()
    if now is None or now == known:
        return
    module.record(Change("memory of the brake", {"since": (known or {}).get("since")}, {"since": now["since"]}))
    if not module.check_mode:
        memory.set_brake(now)


def main() -> None:
    """Run the module."""
    module = ImmichModule(
        {
            "state": {"type": "str", "choices": ["set", "stopped", "released", "remembered"], "default": "set"},
            "memory": {"type": "path", "required": True},
            "configmap": {"type": "str"},
            "remembered": {"type": "dict"},
            "wait_timeout": {"type": "int", "default": 900},
        }
    )
    left_alone: list[str] = []
    with module.api(authenticate=False) as api:
        shared = shared_memory(module.params, read_only=module.check_mode)
        memory = State(module.params["memory"], shared, remembered=module.params["remembered"])
        wanted = Brake(module, api, memory)
        try:
            with memory.alone(unless=module.check_mode):
                before = memory.brake()
                if module.params["state"] == "released":
                    left_alone = wanted.release()
                elif module.params["state"] == "stopped":
                    wanted.stop()
                elif module.params["state"] == "remembered":
                    _take_over(module, memory, State(module.params["memory"], shared).brake())
                else:
                    wanted.set()
                now = before or memory.brake() or {}
        except Busy as reason:
            raise ImmichError(f"Put off: {reason}.") from reason
    module.exit(since=now.get("since"), why=now.get("why"), left_alone=left_alone)


if __name__ == "__main__":
    main()
