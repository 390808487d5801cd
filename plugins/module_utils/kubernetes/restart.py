# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that have the old values of a Secret that is made anew or changed are restarted, by the mark that kubectl rollout restart leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import COPY, GENERATE, Object, annotations, key, selector, title
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.plan import Step

RESTARTED = "kubectl.kubernetes.io/restartedAt"
STOPPED = "homelab.immich/stopped"  # on a Deployment that the brake stopped: how many replicas it had
MANAGER = "kubectl-rollout"  # an apply leaves alone what it holds, so the next run changes nothing


def restart(client: Client, done: list[Step], instance: str, check_mode: bool) -> tuple[list[Step], list[str]]:
    """Restart the Deployments of this instance that use a Secret which these steps made anew or changed; and why, sentences for each namespace.

    The Deployments may be of another apply than the Secret.
    """
    how = {id(step.desired): _how(step) for step in done if step.desired["kind"] == "Secret"}
    made = [step.desired for step in done if how.get(id(step.desired))]
    fresh = {key(step.desired) for step in done if step.action in ("create", "delete") or "template" in ((step.after or {}).get("spec") or {})}
    resource = client.resource("apps/v1", "Deployment") if made else None
    steps, why = [], []
    for namespace in sorted({item["metadata"]["namespace"] for item in made}) if resource else []:
        secrets = {item["metadata"]["name"]: title(item) for item in made if item["metadata"]["namespace"] == namespace}
        try:
            found = [item for item in client.list(resource, namespace, selector(instance)) if key(item) not in fresh]
        except ApiError as error:
            if error.status != 403:
                raise
            why.append(f"{_and(secrets.values())}: other values now, but this kubeconfig may not list Deployments: restart those that used it before.")
            continue
        stale = [item for item in found if secrets_of(item) & set(secrets)]
        steps += [Step("restart", resource, item, item, after=_mark("(now)")) for item in stale]
        if stale:
            used = sorted(set(secrets) & set().union(*map(secrets_of, stale)))
            causes = {item["metadata"]["name"]: how[id(item)] for item in made if item["metadata"]["namespace"] == namespace}
            said = [f"{_and(secrets[name] for name in used if causes[name] == cause)}: {cause}" for cause in dict.fromkeys(causes[name] for name in used)]
            why.append(f"{'; '.join(said)}; {_and(map(title, stale))}, which used the old ones, restart.")
    for step in [] if check_mode else steps:
        meta = step.desired["metadata"]
        path = step.resource.path(meta["namespace"], meta["name"])
        mark = _mark(datetime.now(UTC).isoformat(timespec="seconds"))
        client.request("PATCH", path, mark, {"fieldManager": MANAGER}, "application/strategic-merge-patch+json")
    return steps, why


def _how(step: Step) -> str:
    """In which way the values of a Secret became others; nothing where they did not."""
    if step.action == "create" and GENERATE in annotations(step.desired):
        return "missing, so made anew with other values"
    if step.action != "change" or "data" not in (step.after or {}):
        return ""
    return "with the values of its original again" if COPY in annotations(step.desired) else "with other values"


def _mark(when: str) -> Object:
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


def secrets_of(deployment: Object) -> set[str]:
    """The names of the Secrets that its pods take variables or files from."""
    spec = deployment["spec"]["template"]["spec"]
    found = []
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        found += [(source.get("secretRef") or {}).get("name") for source in container.get("envFrom") or []]
        found += [((item.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name") for item in container.get("env") or []]
    for volume in spec.get("volumes") or []:
        found.append((volume.get("secret") or {}).get("secretName"))
        found += [(source.get("secret") or {}).get("name") for source in (volume.get("projected") or {}).get("sources") or []]
    return {name for name in found if name}
