# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach the API server that a kubeconfig context names.

Standard library and PyYAML only: importing the Kubernetes client takes 0.3 s, in every one of the module runs of a play that
should take 4 s in all. C(K8S_AUTH_*) variables are not read: the inventory says which cluster, nothing else does.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment

from ansible.module_utils.common.yaml import yaml_load

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class KubeconfigError(Exception):
    """One sentence for a person: what is wrong with the kubeconfig or the context."""


@dataclass(frozen=True)
class Access:
    """An API server and what it takes to talk to it."""

    server: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    tls_server_name: str = ""
    proxy: str = ""


def access(kubeconfig: str | None, context: str | None, rehearsal: bool = False) -> Access:
    """What the context says. In a rehearsal anything but loopback is refused, and no proxy is used."""
    if rehearsal and not kubeconfig:
        raise KubeconfigError("A rehearsal needs the kubeconfig of the rehearsal; none was given. Start it with: make rehearse")
    files = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    paths = [os.path.expanduser(path) for path in files if path] or [os.path.expanduser("~/.kube/config")]
    entries = [entry for path in paths for entry in _read(path, required=bool(kubeconfig))]
    where = os.pathsep.join(paths)
    if not context:
        raise KubeconfigError(f"immich_context is empty: name the context of {where} that is meant. {_known(entries, 'contexts')}")
    chosen = _named(entries, "contexts", context, where)["context"]
    folder, cluster = _with_folder(_named(entries, "clusters", chosen.get("cluster", ""), where), "cluster")
    user_folder, user = _with_folder(_named(entries, "users", chosen["user"], where), "user") if chosen.get("user") else (folder, {})

    server = cluster.get("server", "").rstrip("/")
    host = urlsplit(server).hostname or ""
    if rehearsal and host not in LOOPBACK:
        raise KubeconfigError(f"A rehearsal only talks to this machine; context {context} of {where} points to {server}.")
    if rehearsal and ("exec" in user or cluster.get("proxy-url")):
        raise KubeconfigError(f"A rehearsal uses no proxy and runs no login command; context {context} of {where} has one.")
    headers, certificate = _credentials(user, user_folder, cluster, context)
    return Access(
        server=server,
        headers=headers,
        tls=_tls(cluster, folder, certificate) if server.startswith("https:") else None,
        tls_server_name=cluster.get("tls-server-name", ""),
        proxy="" if rehearsal else _proxy(cluster, server, host),
    )


def _read(path: str, required: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """The (folder, kind, entry) triples of one file."""
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml_load(file) or {}
    except FileNotFoundError:
        if required:
            raise KubeconfigError(f"immich_kubeconfig: there is no file {path}.") from None
        return []
    except Exception as error:  # PyYAML's exceptions are not importable where PyYAML is missing
        raise KubeconfigError(f"The kubeconfig {path} cannot be read: {type(error).__name__}.") from None
    if not isinstance(content, dict):
        raise KubeconfigError(f"{path} is not a kubeconfig.")
    folder = os.path.dirname(os.path.abspath(path))
    return [(folder, kind, entry) for kind in ("contexts", "clusters", "users") for entry in content.get(kind) or []]


def _known(entries: list, kind: str) -> str:
    names = sorted({entry.get("name", "") for _folder, found, entry in entries if found == kind})
    return f"It knows: {', '.join(names)}." if names else f"It has no {kind}."


def _named(entries: list, kind: str, name: str, where: str) -> dict[str, Any]:
    for folder, found, entry in entries:
        if found == kind and entry.get("name") == name:
            return {**entry, "": folder}  # the first file that names it wins, as with kubectl
    raise KubeconfigError(f"{where} has no {kind[:-1]} named {name or '(empty)'}. {_known(entries, kind)}")


def _with_folder(entry: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    return entry[""], entry.get(key) or {}


def _bytes(settings: dict[str, Any], key: str, folder: str) -> bytes:
    """A certificate or key, given inline (C(<key>-data)) or as a file beside the kubeconfig."""
    if settings.get(f"{key}-data"):
        return base64.b64decode(settings[f"{key}-data"])
    if not settings.get(key):
        return b""
    path = os.path.join(folder, os.path.expanduser(settings[key]))
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise KubeconfigError(f"The {key} that the kubeconfig names cannot be read: {path}: {error.strerror}.") from None


def _credentials(user: dict[str, Any], folder: str, cluster: dict[str, Any], context: str) -> tuple[dict[str, str], tuple[bytes, bytes]]:
    """The Authorization header and the client certificate with its key."""
    certificate = (_bytes(user, "client-certificate", folder), _bytes(user, "client-key", folder))
    token = user.get("token", "")
    if user.get("tokenFile"):
        token = _bytes({"token": user["tokenFile"]}, "token", folder).decode().strip()
    if "exec" in user:
        status = _run_login(user["exec"], folder, cluster, context)
        token = status.get("token", token)
        if status.get("clientCertificateData"):
            certificate = (status["clientCertificateData"].encode(), status.get("clientKeyData", "").encode())
    if token:
        return {"Authorization": f"Bearer {token}"}, certificate
    if user.get("username"):
        basic = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}, certificate
    return {}, certificate


def _run_login(plugin: dict[str, Any], folder: str, cluster: dict[str, Any], context: str) -> dict[str, Any]:
    """The credentials that a login command of the kubeconfig prints (client.authentication.k8s.io)."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {key: cluster[key] for key in ("server", "certificate-authority-data", "tls-server-name") if key in cluster}
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    environment = {**os.environ, "KUBERNETES_EXEC_INFO": json.dumps(info), **{item["name"]: item["value"] for item in plugin.get("env") or []}}
    command = plugin.get("command", "")
    if os.sep in command:
        command = os.path.join(folder, command)
    try:
        run = subprocess.run([command, *(plugin.get("args") or [])], env=environment, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
        return json.loads(run.stdout)["status"]
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()[-300:]
        raise KubeconfigError(f"The login command {command} of context {context} failed: {reason}") from None
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        raise KubeconfigError(f"The login command {command} of context {context} gave no credentials: {type(error).__name__}.") from None


def _tls(cluster: dict[str, Any], folder: str, certificate: tuple[bytes, bytes]) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() or None)
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT  # cluster authorities often lack the key identifiers that Python 3.13 asks for
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if all(certificate):
        with tempfile.NamedTemporaryFile() as file:  # mode 0600; OpenSSL loads a client certificate from a file only
            file.write(b"\n".join(certificate))
            file.flush()
            tls.load_cert_chain(file.name)
    return tls


def _proxy(cluster: dict[str, Any], server: str, host: str) -> str:
    """The proxy of the kubeconfig, or of the environment, as kubectl has it."""
    environment = getproxies_environment()
    bypass = host in LOOPBACK or proxy_bypass_environment(host, environment)
    proxy = cluster.get("proxy-url") or ("" if bypass else environment.get(urlsplit(server).scheme, ""))
    if proxy and urlsplit(proxy).scheme != "http":
        raise KubeconfigError(f"The proxy {proxy} cannot be used to reach {server}: only http:// proxies are.")
    return proxy
