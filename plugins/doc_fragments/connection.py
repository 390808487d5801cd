# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options by which every Immich module reaches the server."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the Immich server, such as V(https://photos.example.net). A trailing C(/api) may be left out.
      - Without it the server is reached through the Kubernetes API of O(context), as the Service O(service) in O(namespace).
      - If not given at all, the environment variable E(IMMICH_URL) is used.
    type: str
  ca_cert:
    description: Path of a PEM file with the certificate authorities to trust for O(url).
    type: path
  validate_certs:
    description: Whether the TLS certificate of O(url) must be valid.
    type: bool
    default: true
  timeout:
    description: How many seconds one request may take, and for how long at most a failed read is tried again.
    type: int
    default: 30
  kubeconfig:
    description: Path of the kubeconfig file, used without O(url). The usual one by default.
    type: path
  context:
    description: Context in the kubeconfig file, used without O(url). Its user needs the verbs get, create, update and delete on C(services/proxy).
    type: str
  namespace:
    description: Namespace of O(service), used without O(url).
    type: str
    default: immich
  service:
    description: Name of the server's Service, used without O(url). Another port than 2283 follows after a colon.
    type: str
    default: immich-server
  rehearsal:
    description: Refuse every address that is not on this machine, and ignore proxies from the environment.
    type: bool
    default: false
  api_key:
    description:
      - API key of an administrator.
      - If not given at all, the environment variable E(IMMICH_API_KEY) is used.
    type: str
  email:
    description:
      - E-mail address of an administrator, to log in with O(password) where there is no O(api_key).
      - The session is ended when the module ends. Check mode opens and ends one too, if it has to read.
    type: str
  password:
    description: Password of O(email).
    type: str
requirements:
  - Python package C(kubernetes) 37 or later, to reach the server or a Secret through the Kubernetes API
"""
