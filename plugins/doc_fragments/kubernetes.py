# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How the modules for Kubernetes reach the API server."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description: Path of the kubeconfig. Without it C(KUBECONFIG) or C(~/.kube/config), as kubectl has it. C(K8S_AUTH_*) variables are not read.
    type: path
  context:
    description: The context of the kubeconfig.
    type: str
    required: true
  rehearsal:
    description: Refuse every address that is not on this machine, and use no proxy.
    type: bool
    default: false
requirements:
  - Python package C(kubernetes) 37 or later
  - Kubernetes 1.30 or later
"""
