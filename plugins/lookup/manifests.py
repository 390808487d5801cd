# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the Kubernetes objects that roles of this collection render."""

from __future__ import annotations

DOCUMENTATION = r"""
name: manifests
short_description: Render the Kubernetes objects of roles
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Renders every C(templates/*.yaml.j2) of the given roles of this collection as one flat list of objects.
  - They come in the order of the roles, and then of the names of the templates.
  - Adds the namespace and the common labels where an object does not set them, and applies O(immich_patches).
  - A template that renders to nothing contributes nothing.
  - A Namespace says the Pod Security level that admits every pod that any role renders for it, and not much more.
  - Import the roles statically, so that their defaults are visible.
options:
  _terms:
    description: Names of roles of this collection. Without any, all that render objects, in the order in which a first run needs them.
    type: list
    elements: str
    default: []
  immich_name:
    description: Name of the instance, for the label C(app.kubernetes.io/instance).
    type: str
    vars: [{name: immich_name}]
  immich_namespace:
    description: Namespace of the objects.
    type: str
    vars: [{name: immich_namespace}]
  immich_patches:
    description:
      - Changes to rendered objects by O(immich_patches[].kind) and O(immich_patches[].name).
      - A patch that matches no object of any role is an error.
      - So is one that lets anything but the server out.
    type: list
    elements: dict
    vars: [{name: immich_patches}]
    suboptions:
      kind:
        description: Kind of the object.
        type: str
      name:
        description: Name of the object.
        type: str
      patch:
        description: A list is a JSON patch (RFC 6902), a mapping is a merge patch (RFC 7386).
        type: raw
"""

EXAMPLES = r"""
- name: Show what the data layer consists of
  ansible.builtin.debug:
    msg: "{{ query('homelab.immich.manifests', 'storage', 'database', 'cache') | map(attribute='kind') }}"
"""

RETURN = r"""
_list:
  description: Kubernetes objects.
  type: list
  elements: dict
"""

import json
from pathlib import Path
from typing import Any

import jinja2
from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.template import Templar, trust_as_template
from ansible_collections.homelab.immich.plugins.plugin_utils import exposure, pod_security
from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES, ManifestError, complete, parse, patch, refuse_duplicates

FOLDER = Path(__file__).parents[2] / "roles"


class LookupModule(LookupBase):
    """Render roles to Kubernetes objects."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the objects of the roles named in terms."""
        templar = self._templar.copy_with_new_env(available_variables=variables)

        def value(expression: str) -> Any:
            return templar.evaluate_expression(trust_as_template(expression))

        namespace = str(value("immich_namespace"))
        labels = {
            "app.kubernetes.io/part-of": "immich",
            "app.kubernetes.io/instance": str(value("immich_name")),
            "app.kubernetes.io/managed-by": "homelab.immich",
            "homelab.immich/instance": str(value("inventory_hostname")),
        }
        # plain Python objects: what Ansible hands out may still be lazy
        patches = json.loads(json.dumps(value("immich_patches | default([])"), default=str))
        try:
            objects = [item for role in terms or ROLES for item in self._render(role, templar, variables)]
            complete(objects, namespace, labels)
            refuse_duplicates(objects)
            unused = patch(objects, patches)
            others = [role for role in ROLES if role not in (terms or ROLES)]
            if unused:
                self._refuse_unknown(unused, patches, others, templar, variables)
            exposure.refuse(objects, str(value("immich_name")))
            if others and any(item["kind"] == "Namespace" for item in objects):
                rest = [item for role in others for item in self._render(role, templar, variables)]
                complete(rest, namespace, labels)
                patch(rest, patches)
                pod_security.state(objects, objects + rest)
            else:
                pod_security.state(objects, objects)
        except ManifestError as error:
            raise AnsibleLookupError(str(error)) from error
        return objects

    def _render(self, role: str, templar: Templar, variables: dict[str, Any]) -> list[dict[str, Any]]:
        folder = FOLDER / role / "templates"
        if role not in ROLES:
            raise ManifestError(f"Role {role} has no templates. Use one of {', '.join(ROLES)}.")
        # not the template lookup: it deep-copies all variables for each file
        engine = templar.copy_with_new_env(searchpath=[str(folder)], available_variables=variables)
        objects = []
        for path in sorted(folder.glob("*.yaml.j2")):
            source = f"roles/{role}/templates/{path.name}"
            text = self._loader.get_text_file_contents(str(path))
            try:
                rendered = engine.template(trust_as_template(text), escape_backslashes=False)
            except AnsibleError as error:
                line = _failing_line(text, engine, variables, error)
                raise AnsibleLookupError(f"{source}{f', line {line}' if line else ''}: {error}") from error
            objects += parse(rendered, source) if isinstance(rendered, str) else []
        return objects

    def _refuse_unknown(self, unused: list[int], patches: list[dict[str, Any]], others: list[str], templar: Templar, variables: dict[str, Any]) -> None:
        """Refuse a patch unless an object of another role, applied in another phase, is what it is for."""
        known = set()
        for role in others:
            try:
                known |= {(item["kind"], item["metadata"]["name"]) for item in self._render(role, templar, variables)}
            except AnsibleLookupError:
                continue  # a role that cannot be rendered here says so when it is asked for
        for index in unused:
            kind, name = patches[index]["kind"], patches[index]["name"]
            if (kind, name) not in known:
                raise ManifestError(f"immich_patches[{index}] ({kind} {name}) matches no object. Compare kind and name with what the roles render.")


def _failing_line(text: str, engine: Templar, variables: dict[str, Any], error: AnsibleError) -> int | None:
    """Find the line of a template that fails; Ansible names only the file.

    Put an error of our own in front of one line after the other: the last line where ours is what Ansible reports is the one. Ansible keeps the
    error of an expression until all is rendered, and reports the first; that of a statement ends the rendering. So there are two kinds of probes.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, jinja2.TemplateSyntaxError):
            return cause.lineno
        cause = cause.__cause__
    candidates = [number for number, content in enumerate(text.splitlines(), 1) if "{" in content]
    for probe in ("{{{{ __immich_probe if __immich_line == {} else '' }}}}", "{{% if __immich_line == {} and __immich_probe %}}{{% endif %}}"):
        probed = trust_as_template(_probed(text, probe))
        failing = None
        for line in candidates:
            try:
                engine.copy_with_new_env(available_variables={**variables, "__immich_line": line}).template(probed, escape_backslashes=False)
            except AnsibleError as found:
                failing = line if "__immich_probe" in str(found) else failing
        if failing:
            return failing
    return None


def _probed(text: str, probe: str) -> str:
    """Put the probe, filled with the number of the line, in front of every line and every statement."""
    parts = []
    for number, kind, part in jinja2.Environment(trim_blocks=True, autoescape=True).lex(text):
        if kind == "data":
            parts.append("\n".join(probe.format(number + offset) + line for offset, line in enumerate(part.split("\n"))))
        else:
            parts.append(probe.format(number) + part if kind == "block_begin" else part)
    return "".join(parts)
