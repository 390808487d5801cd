# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server that a kubeconfig context names, by the Kubernetes library.

C(K8S_AUTH_*) variables are not read: the inventory says which cluster, nothing else does.
"""

from __future__ import annotations

import io
import logging
import os
import re
import ssl

from ansible.module_utils.basic import missing_required_lib

try:
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import load_kube_config
    from kubernetes.config.kube_config import KubeConfigMerger
    from urllib3.util import parse_url
except ImportError:
    HAS_LIBRARY = False
else:
    HAS_LIBRARY = True

# documented in plugins/doc_fragments/kubernetes.py
SPEC = {"kubeconfig": {"type": "path"}, "context": {"type": "str", "required": True}, "rehearsal": {"type": "bool", "default": False}}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
USER_AGENT = "homelab.immich (ansible)"


class KubeconfigError(Exception):
    """One sentence for a person: what is wrong with the kubeconfig or the context."""


def access(kubeconfig: str | None, context: str | None, rehearsal: bool = False) -> ApiClient:
    """The client that the context says. In a rehearsal anything but loopback is refused, no proxy is used and no login command run."""
    if not HAS_LIBRARY:
        raise KubeconfigError(missing_required_lib("kubernetes"))
    if rehearsal and not kubeconfig:
        raise KubeconfigError("A rehearsal needs the kubeconfig of the rehearsal; none was given. Start it: ansible-playbook homelab.immich.site -i INVENTORY")
    where = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    user = _user(where, context)
    if rehearsal and ("exec" in user or "auth-provider" in user):
        raise KubeconfigError(f"A rehearsal runs no login command; context {context} of {where} has one.")
    configuration = Configuration(proxy="") if rehearsal else Configuration()
    try:
        _load(configuration, where, context)
        client = _client(configuration)
    except KubeconfigError:
        raise
    except Exception as error:  # what the library makes of a file that is not as it should be is of many kinds
        raise KubeconfigError(f"Context {context} of {where} cannot be used: {_why(str(error))}.") from None
    if rehearsal and (parse_url(configuration.host).host or "").strip("[]") not in LOOPBACK:
        raise KubeconfigError(f"A rehearsal only talks to this machine; context {context} of {where} points to {configuration.host}.")
    if rehearsal and configuration.proxy:
        raise KubeconfigError(f"A rehearsal uses no proxy; context {context} of {where} has one.")
    return client


def _user(where: str, context: str | None) -> dict:
    """The user of a context as the file has it, before anything of it is carried out."""
    try:
        config = KubeConfigMerger(where).config
        contexts, users = (
            {entry.value["name"]: entry.value.get(kind) or {} for entry in config.value[f"{kind}s"]} if config else {} for kind in ("context", "user")
        )
    except Exception as error:  # the text of an error may show what the file holds
        raise KubeconfigError(f"The kubeconfig {where} cannot be read: {type(error).__name__}.") from None
    if config is None:
        raise KubeconfigError(f"There is no file {where}: set immich_kubeconfig to the kubeconfig that has context {context}.")
    known = f"It knows: {', '.join(sorted(contexts))}." if contexts else "It has no contexts."
    if not context:
        raise KubeconfigError(f"immich_context is empty: name the context of {where} that is meant. {known}")
    if context not in contexts:
        raise KubeconfigError(f"{where} has no context named {context}. {known}")
    return users.get(contexts[context].get("user"), {})


def _load(configuration: Configuration, where: str, context: str | None) -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)  # the library logs why a login command failed, and goes on without it
    logging.getLogger().addHandler(handler)
    try:
        load_kube_config(where, context, configuration, persist_config=False)
    finally:
        logging.getLogger().removeHandler(handler)
    if said.getvalue():
        raise KubeconfigError(f"The login command of context {context} failed: {_why(said.getvalue())}.")


def _client(configuration: Configuration) -> ApiClient:
    configuration.refresh_api_key_hook = None  # a module run is short: one login is enough
    configuration.api_key = {name: value.strip() for name, value in configuration.api_key.items()}  # a token file ends with a newline
    client = ApiClient(configuration)
    client.default_headers = {"user-agent": USER_AGENT}
    client.update_params_for_auth(client.default_headers, [], ["BearerToken"], "", "", None)
    if configuration.host.startswith("https"):
        tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # cluster authorities often lack the key identifiers that Python 3.13 asks for
        tls.check_hostname = configuration.verify_ssl
        client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls
    return client


def _why(text: str) -> str:
    """Without the entry that the library complains about, for a token may be in it."""
    return re.sub(r"(Invalid kube-config.*?) in .*", r"\1", text.strip(), flags=re.DOTALL).rstrip(".")[-300:]
