# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal's own process beside the control plane: provisioner, the rest of the operators, ingress, and the stand-ins for Immich and TrueNAS."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import signal
import ssl
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from . import config_file, operators, volumes
from .api import tls
from .cluster import Cluster
from .immich.app import create_app as create_immich
from .immich.instance import Instance, Mount, NotReady
from .operators.objects import is_ready
from .truenas.app import create_app as create_truenas
from .way_in import backend

log = logging.getLogger("daemon")


class Spec:
    """spec.json, read again when it changed."""

    def __init__(self, path: Path) -> None:
        self._path, self._stamp, self._content = path, 0, {}

    def __call__(self) -> dict:
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._content, self._stamp = json.loads(self._path.read_text()), stamp
        return self._content


class Instances:
    """What a Service of Immich leads to now."""

    def __init__(self, cluster: Cluster, mounts: volumes.Volumes) -> None:
        self._cluster, self._volumes = cluster, mounts

    def __call__(self, namespace: str, service: str) -> Instance:
        live = self._cluster.get("Service", namespace, service)
        if live is None:
            raise LookupError(f'services "{service}" not found')
        selector = live["spec"].get("selector") or {}
        pods = [
            pod
            for pod in self._cluster.all("Pod", namespace)
            if selector and selector.items() <= pod["metadata"].get("labels", {}).items() and is_ready(pod)
        ]
        if not pods:
            raise NotReady(f'no endpoints available for service "{service}"')
        pod = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
        container = _container(pod, live)
        env = self._env(namespace, container)
        for init in pod["spec"].get("initContainers", []):
            if init["name"] == config_file.NAME:
                (made,) = [mount.folder for mount in self._mounts(pod, init) if mount.path == "/config"]
                config_file.make(pod, made, lambda name: self._data("ConfigMap", namespace, name), self._env(namespace, init))
        return Instance(
            key=f"{namespace}/{service}",
            version=_version(container["image"]),
            env=env,
            mounts=tuple(self._mounts(pod, container)),
            database=self._database(namespace, env),
        )

    def _env(self, namespace: str, container: dict) -> dict[str, str]:
        env: dict[str, str] = {}
        for source in container.get("envFrom", []):
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in source:
                    env |= {source.get("prefix", "") + name: value for name, value in self._data(kind, namespace, source[key]["name"]).items()}
        for entry in container.get("env", []):
            value_from = entry.get("valueFrom", {})
            if "value" in entry:
                env[entry["name"]] = entry["value"]
            for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                if key in value_from:
                    data = self._data(kind, namespace, value_from[key]["name"])
                    if value_from[key]["key"] in data:
                        env[entry["name"]] = data[value_from[key]["key"]]
        return env

    def _data(self, kind: str, namespace: str, name: str) -> dict[str, str]:
        data = (self._cluster.get(kind, namespace, name) or {}).get("data") or {}
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()} if kind == "Secret" else data

    def _mounts(self, pod: dict, container: dict):
        by_name = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if by_name[mount["name"]].keys() & {"projected", "downwardAPI"}:  # a token for the API server, which no stand-in uses
                continue
            folder, read_only = self._volumes.folder(pod, by_name[mount["name"]])
            if mount.get("subPath"):
                folder = folder / mount["subPath"]
            yield Mount(path=mount["mountPath"], folder=folder, read_only=read_only or bool(mount.get("readOnly")))

    def _database(self, namespace: str, env: dict[str, str]) -> str:
        """The identity of the database: a Cluster that was made anew is an empty one."""
        host = env.get("DB_HOSTNAME") or urlsplit(env.get("DB_URL", "")).hostname or "database"
        name, _dot, rest = host.partition(".")
        for suffix in ("-rw", "-ro", "-r"):
            if name.endswith(suffix):
                owner = self._cluster.get("Cluster", rest.partition(".")[0] or namespace, name.removesuffix(suffix))
                if owner is None or not owner.get("status", {}).get("readyInstances"):
                    raise NotReady(f"the server waits for its database {host}")
                return owner["metadata"]["uid"]
        return f"{namespace}/{host}"


def _container(pod: dict, service: dict) -> dict:
    """The container that the Service's port leads to."""
    targets = {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]}
    containers = pod["spec"]["containers"]
    return next((item for item in containers for port in item.get("ports", []) if targets & {port.get("name"), port["containerPort"]}), containers[0])


def _version(image: str) -> str:
    """The version that an image's tag says."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removeprefix("v")


def way_in(home: Path, cluster: Cluster, port: int):
    """The public way in: /host/<name>/... goes where the cluster leads that name, through the service proxy, as a request of its own."""

    @web.middleware
    async def handle(request: web.Request, handler) -> web.StreamResponse:
        if request.path == "/rehearsal":
            return web.json_response({"home": str(home)})
        if not request.path.startswith("/host/"):
            return await handler(request)
        host, _slash, rest = request.raw_path.removeprefix("/host/").partition("?")[0].partition("/")
        path = f"/{rest}"
        found = backend(cluster, host, path)
        if found is None:
            return web.Response(status=404, text="404 page not found\n")
        url = f"http://127.0.0.1:{port}/api/v1/namespaces/{found.namespace}/services/{found.service}:{found.port}/proxy{path}"
        query = f"?{request.query_string}" if request.query_string else ""
        hop = {"host", "connection", "transfer-encoding", "keep-alive", "te", "upgrade"}
        headers = [(key, value) for key, value in request.headers.items() if key.lower() not in hop]
        headers += [("X-Forwarded-Host", host), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1")]
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=False) as session,
            session.request(
                request.method, URL(url + query, encoded=True), headers=headers, data=request.content if request.can_read_body else None, allow_redirects=False
            ) as answer,
        ):
            response = web.StreamResponse(
                status=answer.status, headers=[(key, value) for key, value in answer.headers.items() if key.lower() not in hop | {"content-length"}]
            )
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            await response.write_eof()
            return response

    return handle


async def reconcile(home: Path, cluster: Cluster) -> None:
    """Play the controllers, whenever anything changed; they are idempotent and see everything again on the next round."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(cluster.changed.wait(), 10)
        await asyncio.sleep(0.05)
        cluster.changed.clear()
        for controller in (volumes.provision, *(operator.reconcile for operator in operators.OPERATORS)):
            try:
                await controller(home, cluster)
            except Exception:
                log.error("%s", traceback.format_exc())


async def main(run: dict) -> None:
    """Serve until SIGTERM."""
    home, ports = Path(run["home"]), run["ports"]
    spec = Spec(home / "spec.json")
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(str(home / "pki" / "server.pem"))
    async with Cluster(f"https://127.0.0.1:{ports['kube-apiserver']}", tls(home, "rehearsal-daemon"), operators.KINDS) as cluster:
        immich = create_immich(Instances(cluster, volumes.Volumes(home, cluster, spec)), home / "immich")

        immich.middlewares.append(way_in(home, cluster, ports["immich"]))
        truenas = create_truenas(spec, home / "nas", {"username": "rehearsal", "api_key": run["truenas_api_key"]})
        # one line a request, "GET /api/... HTTP/1.1" 200: a person sees what a run did, and a test what it did not
        requests = logging.getLogger("requests")
        requests.addHandler(logging.FileHandler(home / "logs" / "immich-requests.log"))
        requests.propagate = False
        runners = [
            web.AppRunner(immich, access_log=requests, access_log_format='"%r" %s', shutdown_timeout=1),
            web.AppRunner(truenas, access_log=None, shutdown_timeout=1),
        ]
        for runner in runners:
            await runner.setup()
        await web.TCPSite(runners[0], "127.0.0.1", ports["immich"]).start()
        await web.TCPSite(runners[1], "127.0.0.1", ports["truenas"], ssl_context=server_tls).start()
        work = asyncio.create_task(reconcile(home, cluster))
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        work.cancel()
        for runner in runners:
            await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stdout)
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
