# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scan_schedule
short_description: Switch Immich's own library scan off, or on
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Immich scans all external libraries by a timer of its own, and can watch their folders. By default this module switches both off.
  - Such a scan puts every photo in the trash that it does not find, and it does not notice that a NAS is not mounted.
    Let a guarded scan take its place.
  - Two timers are an error. Where guards scan by the clock, Immich's own scan and watcher cannot be switched on. CronJobs of the guard beside
    the systemd of a host are refused too. Both are looked for in O(namespace) when O(context) or O(kubeconfig) is given.
  - A server that takes its settings from a file (C(IMMICH_CONFIG_FILE)) refuses changes. That is an error only where there is something to change.
options:
  enabled:
    description: Whether Immich scans all libraries by its own timer.
    type: bool
    default: false
  cron:
    description:
      - When it does, as a cron expression of five fields in the server's time zone, such as V(0 0 * * *).
      - Left out, it is left alone.
    type: str
  watch:
    description: Whether Immich watches the folders of its libraries. That does not see changes that others make on NFS or SMB.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: No scan but a guarded one
  homelab.immich.scan_schedule:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
"""

RETURN = r"""
updated:
  description: Names of the settings that changed.
  type: list
  elements: str
  returned: success
  sample: [library.scan.enabled]
owner:
  description:
    - Who scans by the clock now. V(cluster) (CronJobs of the guard), V(host) (the systemd of a host), V(immich) (its own timer or watcher), or V(none).
      Null where the cluster could not be asked.
  type: str
  returned: success
guarded:
  description: The libraries that guards scan by the clock.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich import settings
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import guarded_libraries
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule({"enabled": {"type": "bool", "default": False}, "cron": {"type": "str"}, "watch": {"type": "bool", "default": False}})
    enabled, cron, watch = (module.params[option] for option in ("enabled", "cron", "watch"))
    if cron is not None and len(cron.split()) != 5:
        module.fail(f"cron {cron!r} has not the five fields of a cron expression; write minute, hour, day, month and weekday, such as 0 0 * * *.")
    scan = {"enabled": enabled} | ({} if cron is None else {"cronExpression": cron})
    with module.api() as api:
        try:
            guards = guarded_libraries(module.params)
        except ImmichError as error:
            if enabled or watch:
                raise
            module.ansible.warn(f"{error} Immich's own scan is switched off all the same.")
            guards = None
        if guards and len(guards) > 1:
            each = " and ".join(f"{who} ({', '.join(libraries)})" for who, libraries in guards.items())
            raise ImmichError(f"Two guards scan by the clock: {each}. Set immich_scan_owner to the one that shall, and run site.yml: it takes the other away.")
        guarded = [library for libraries in (guards or {}).values() for library in libraries]
        if (enabled or watch) and guards:
            raise ImmichError(
                f"Immich would scan by itself, and guards already scan {', '.join(guarded)} by the clock; with both, the scan that looks at nothing wins. "
                "Leave enabled and watch false, or set immich_scan_owner to none and run site.yml first."
            )
        updated = settings.ensure(api, {"library": {"scan": scan, "watch": {"enabled": watch}}}, check_mode=module.check_mode, record=module.record)
    owner = None if guards is None else ("cluster" if "CronJobs" in guards else "host") if guards else "immich" if enabled or watch else "none"
    module.exit(updated=updated, owner=owner, guarded=guarded)


if __name__ == "__main__":
    main()
