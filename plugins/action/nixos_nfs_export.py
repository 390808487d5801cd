# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a NixOS NAS, and rebuild it, through its shell alone."""

from __future__ import annotations

import dataclasses
import posixpath
import socket
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos import findings, look, module, rebuild

Exports = Sequence[dict[str, Any]]
NFS_PORT = 2049


class ActionModule(ActionBase):
    """The action behind homelab.immich.nixos_nfs_export; the documentation is with the module of that name."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look; rebuild and make the sentinels if that is asked for, and look again. What is not as declared and no error is a warning."""
        super().run(tmp, task_vars)
        result = self._run()
        for finding in result["findings"]:
            if finding["severity"] == "warning":
                self._display.warning(finding["message"])
        return result

    def _run(self) -> dict[str, Any]:
        _result, options = self.validate_argument_spec(
            argument_spec={
                "exports": {"type": "list", "elements": "dict", "required": True},
                "name": {"type": "str", "required": True},
                "address": {"type": "str"},
                "rebuild": {"type": "bool", "default": False},
                "checkout": {"type": "str", "default": "/etc/nixos"},
                "path": {"type": "str"},
                "configuration": {"type": "str", "default": ""},
                "intent_to_add": {"type": "bool", "default": False},
            }
        )
        exports, name = options["exports"], options["name"]
        wrong = [f"export {export.get('name')}: {text}" for export in exports for text in nas.problems(export, "nixos")]
        if wrong:
            raise AnsibleActionFail(f"{name} was left as it is:\n" + "\n".join(f"- {text}" for text in wrong))
        if not options["rebuild"]:
            return self._verified(exports, options, self._look(exports, ""))
        path = options["path"] or posixpath.join(options["checkout"], "immich-exports.nix")
        return self._rebuilt(exports, options, rebuild.Place(options["checkout"], path, options["configuration"], options["intent_to_add"]))

    def _verified(self, exports: Exports, options: dict[str, Any], seen: look.Seen, advice: str = findings.DEPLOY) -> dict[str, Any]:
        """What is there, as a result: an error fails it."""
        found = findings.findings(exports, seen, options["name"], advice)
        if seen.etab is not None and seen.listens:
            found += _unreached(exports, options)
        errors = [finding.message for finding in found if finding.severity == "error"]
        result = _result(exports, seen, found)
        if errors:
            return result | {"failed": True, "msg": "\n".join(errors)}
        return result

    def _rebuilt(self, exports: Exports, options: dict[str, Any], place: rebuild.Place) -> dict[str, Any]:
        name, check = options["name"], bool(self._task.check_mode)
        seen = self._look(exports, place.file)
        before = findings.findings(exports, seen, name)
        in_the_way = [finding.message for finding in before if finding.severity == "error" and finding.about == "nas"] + findings.gone(exports, seen, name)
        if in_the_way:
            return _result(exports, seen, before) | {"failed": True, "msg": f"{name} was left as it is:\n" + "\n".join(f"- {text}" for text in in_the_way)}
        mountpoints = findings.mountpoints(exports, seen)
        text = module.render(exports, name, mountpoints)
        outcome = rebuild.read_outcome(self._shell(rebuild.rebuild_script(place, text, exports, mountpoints, check), options, fails=True))
        if outcome.failed:
            return _result(exports, seen, before) | {"failed": True, "msg": "\n".join([f"{name}: {outcome.failed}", *outcome.log])}
        missing, script = rebuild.sentinel_script(exports, seen)
        done: dict[str, Any] = {
            "changed": outcome.wrote or outcome.switched or bool(missing),
            "diff": _diff(place.file, seen.module, text if outcome.wrote else seen.module, outcome.plan, missing),
            "plan": outcome.plan,
            "next": [f"On {name}, commit {place.file}, or the next pull or upgrade may undo it."] if outcome.uncommitted else [],
        }
        if check:
            rest = [finding for finding in before if finding.about == "nas"]
            planned = [outcome.wrote, outcome.switched, *missing]
            result = _result(exports, seen, rest) | {"planned": len([thing for thing in planned if thing])}
        else:
            self._shell(script, options)
            result = self._verified(exports, options, self._look(exports, place.file), findings.RESTART)
        late = [*findings.narrowed(exports, seen, name), *findings.undone(seen, place.checkout, outcome.boots, outcome.units, name)]
        result["findings"] += [dataclasses.asdict(finding) for finding in late]
        return result | done

    def _look(self, exports: Exports, path: str) -> look.Seen:
        options = {"name": self._task.args["name"]}
        seen = look.read_host(self._shell(look.host_script(exports, path), options))
        look.read_places(self._shell(look.places_script(exports, seen), options), seen)
        return seen

    def _shell(self, script: str, options: dict[str, Any], fails: bool = False) -> str:
        """What a script prints. `fails`: whether it says so itself."""
        done = self._low_level_execute_command(script.rstrip())  # Ansible appends to its last line
        if done["rc"] != 0 and not (fails and "@\tfailed\t" in done["stdout"]):
            said = (done.get("stderr") or done["stdout"]).strip() or f"exit code {done['rc']}"
            how = "Correct that, then run again." if "@\t" in done["stdout"] else "Look at the account, and at ansible_become and its password."
            raise AnsibleActionFail(f"{options['name']}: its shell answered: {said.rstrip('.')}. {how}")
        return done["stdout"]


def _result(exports: Exports, seen: look.Seen, found: list[findings.Finding]) -> dict[str, Any]:
    return {
        "changed": False,
        "exports": len(exports),
        "findings": [dataclasses.asdict(finding) for finding in found],
        "sentinels_ok": all(seen.folders.get(f"{export['name']} {place}", look.NOTHING).sentinel for export in exports for place in look.places(export, seen)),
        "markers": seen.marks,
    }


def _diff(path: str, before: str | None, after: str | None, plan: list[str], sentinels: list[str]) -> list[dict[str, str]]:
    """The file, what dry-activate says, and the sentinels."""
    shown = []
    if before != after:
        shown.append({"before_header": path, "after_header": path, "before": before or "", "after": after or ""})
    if plan:
        shown.append({"prepared": "\n".join(plan) + "\n"})
    return shown + [{"before_header": place, "after_header": place, "before": "", "after": "0:0 0755\n"} for place in sentinels]


def _unreached(exports: Exports, options: dict[str, Any]) -> list[findings.Finding]:
    """The port as it is seen from here. It listens on the NAS, so what is in between does not let it through."""
    addresses = {export.get("address") or options["address"] for export in exports} - {None}
    return [findings.closed(options["name"], address) for address in sorted(addresses) if not _answers(address)]


def _answers(address: str) -> bool:
    try:
        socket.create_connection((address, NFS_PORT), 3).close()
    except OSError:
        return False
    return True
