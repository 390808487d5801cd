# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubeconfig and a context come to, and what the client does with an API server that is busy, gone, or says no."""

from __future__ import annotations

import base64
import http.server
import json
import threading

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Resource, Unreachable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import Access, KubeconfigError, access

PODS = Resource("v1", "Pod", "pods", namespaced=True)


@pytest.fixture
def kubeconfig(tmp_path):
    """Write a kubeconfig; clusters and users are given by what differs."""

    def write(cluster=None, user=None, name="config"):
        path = tmp_path / name
        content = {
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "homelab", "context": {"cluster": "c", "user": "u"}}],
        }
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return write


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No kubeconfig and no proxy of the machine."""
    for name in ("KUBECONFIG", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_context_that_is_not_there_is_named_with_those_that_are(kubeconfig):
    with pytest.raises(KubeconfigError, match=r"no context named production\. It knows: homelab\."):
        access(kubeconfig(), "production")


def test_no_context_is_never_guessed(kubeconfig):
    with pytest.raises(KubeconfigError, match="immich_context is empty"):
        access(kubeconfig(), "")


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(KubeconfigError, match=r"there is no file .*nowhere"):
        access(str(tmp_path / "nowhere"), "homelab")
    (tmp_path / "broken").write_text("{[")
    with pytest.raises(KubeconfigError, match=r"broken cannot be read"):
        access(str(tmp_path / "broken"), "homelab")


def test_the_environment_cannot_redirect(kubeconfig, monkeypatch):
    for name in ("HOST", "KUBECONFIG", "CONTEXT", "API_KEY", "PROXY"):
        monkeypatch.setenv(f"K8S_AUTH_{name}", "https://198.51.100.7:6443")
    monkeypatch.setenv("KUBECONFIG", kubeconfig({"server": "https://198.51.100.7:6443"}, name="poisoned"))
    reached = access(kubeconfig(user={"token": "t"}), "homelab", rehearsal=True)
    assert (reached.server, reached.proxy, reached.headers) == ("http://127.0.0.1:1", "", {"Authorization": "Bearer t"})


def test_a_rehearsal_stays_on_this_machine(kubeconfig, monkeypatch):
    for address in ("https://198.51.100.7:6443", "https://127.0.0.1.example.net:6443", "https://192.168.1.2"):
        with pytest.raises(KubeconfigError, match="only talks to this machine"):
            access(kubeconfig({"server": address}), "homelab", rehearsal=True)
    with pytest.raises(KubeconfigError, match="uses no proxy and runs no login command"):
        access(kubeconfig({"proxy-url": "http://198.51.100.7:3128"}), "homelab", rehearsal=True)
    with pytest.raises(KubeconfigError, match="uses no proxy and runs no login command"):
        access(kubeconfig(user={"exec": {"command": "true"}}), "homelab", rehearsal=True)
    with pytest.raises(KubeconfigError, match="needs the kubeconfig of the rehearsal"):
        access("", "homelab", rehearsal=True)
    monkeypatch.setenv("HTTPS_PROXY", "http://198.51.100.7:3128")
    assert access(kubeconfig({"server": "https://127.0.0.1:6443"}), "homelab", rehearsal=True).proxy == ""


def test_a_real_run_uses_the_proxy_of_the_environment_or_the_kubeconfig(kubeconfig, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.net:3128")
    there = {"server": "https://192.0.2.1:6443"}
    assert access(kubeconfig(there), "homelab").proxy == "http://proxy.example.net:3128"
    assert access(kubeconfig({**there, "proxy-url": "http://other.example.net"}), "homelab").proxy == "http://other.example.net"
    monkeypatch.setenv("NO_PROXY", "192.0.2.1")
    assert access(kubeconfig(there), "homelab").proxy == ""
    with pytest.raises(KubeconfigError, match="only http:// proxies"):
        access(kubeconfig({**there, "proxy-url": "socks5://127.0.0.1:1080"}), "homelab")


def test_tokens_passwords_and_login_commands(kubeconfig, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    assert access(kubeconfig(user={"tokenFile": "token"}), "homelab").headers == {"Authorization": "Bearer from-a-file"}
    basic = base64.b64encode(b"me:pw").decode()
    assert access(kubeconfig(user={"username": "me", "password": "pw"}), "homelab").headers == {"Authorization": f"Basic {basic}"}
    login = tmp_path / "login"
    login.write_text('#!/bin/sh\nprintf \'{"status": {"token": "%s-%s"}}\' "$1" "$WHO"\n')
    login.chmod(0o755)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login", "args": ["hello"], "env": [{"name": "WHO", "value": "me"}]}
    assert access(kubeconfig(user={"exec": plugin}), "homelab").headers == {"Authorization": "Bearer hello-me"}
    login.write_text("#!/bin/sh\necho please log in first >&2\nexit 1\n")
    with pytest.raises(KubeconfigError, match="failed: please log in first"):
        access(kubeconfig(user={"exec": plugin}), "homelab")
    with pytest.raises(KubeconfigError, match="gave no credentials: FileNotFoundError"):
        access(kubeconfig(user={"exec": {"command": "./nowhere"}}), "homelab")


def test_no_credential_is_in_the_representation(kubeconfig):
    assert "hunter2" not in repr(access(kubeconfig(user={"token": "hunter2"}), "homelab"))


def test_a_certificate_file_that_is_missing_is_named(kubeconfig):
    with pytest.raises(KubeconfigError, match=r"client-certificate that the kubeconfig names cannot be read"):
        access(kubeconfig(user={"client-certificate": "nowhere.crt"}), "homelab")


def test_the_first_of_several_files_wins(kubeconfig, monkeypatch):
    first, second = kubeconfig({"server": "http://127.0.0.1:1"}, name="one"), kubeconfig({"server": "http://127.0.0.1:2"}, name="two")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:/nowhere")
    assert access(None, "homelab").server == "http://127.0.0.1:1"


@pytest.fixture
def api():
    """An API server that gives the answers a test has put in line, and remembers what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.asked.append((self.command, self.path, body))
            status, headers, data = self.server.answers.pop(0)
            payload = json.dumps(data).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)
            self.close_connection = headers.get("X-Drop") == "yes"

        do_GET = do_PATCH = do_POST = do_DELETE = do_PUT = answer

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.answers, listener.asked = [], []
        listener.url = f"http://127.0.0.1:{listener.server_port}"
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield listener
        listener.shutdown()


def test_a_busy_api_server_is_asked_again(api):
    api.answers = [(429, {"Retry-After": "0"}, {}), (200, {}, {"kind": "Pod"})]
    assert Client(Access(api.url)).get(PODS, "x", "immich") == {"kind": "Pod"}
    assert len(api.asked) == 2


def test_a_kept_connection_that_was_closed_is_opened_again(api):
    api.answers = [(200, {"X-Drop": "yes"}, {"kind": "Pod"}), (200, {}, {"kind": "Pod"})]
    client = Client(Access(api.url))
    assert client.get(PODS, "x", "immich") == client.get(PODS, "x", "immich")


def test_what_is_not_there_is_none_and_what_is_refused_an_error(api):
    api.answers = [(404, {}, {}), (422, {}, {"message": "no", "reason": "Invalid", "details": {"causes": [{"field": "spec"}]}})]
    client = Client(Access(api.url))
    assert client.get(PODS, "x", "immich") is None
    with pytest.raises(ApiError, match="no") as error:
        client.get(PODS, "x", "immich")
    assert (error.value.status, error.value.reason, error.value.causes) == (422, "Invalid", [{"field": "spec"}])


def test_credentials_that_are_not_accepted_are_one_sentence(api):
    api.answers = [(401, {}, {"message": "Unauthorized"})]
    with pytest.raises(Unreachable, match="does not accept the credentials of the kubeconfig"):
        Client(Access(api.url)).get(PODS, "x", "immich")


def test_a_server_that_is_not_there_is_one_sentence():
    with pytest.raises(Unreachable, match="http://127.0.0.1:9 does not answer: Connection refused"):
        Client(Access("http://127.0.0.1:9")).get(PODS, "x", "immich")


def test_pages_of_a_list_are_joined(api):
    api.answers = [(200, {}, {"items": [{"a": 1}], "metadata": {"continue": "more"}}), (200, {}, {"items": [{"a": 2}], "metadata": {}})]
    assert [item["a"] for item in Client(Access(api.url)).list(PODS, "immich")] == [1, 2]
    assert "continue=more" in api.asked[1][1]


def test_nothing_but_reads_and_dry_runs_leaves_a_client_in_check_mode(api):
    client = Client(Access(api.url), read_only=True)
    wanted = {"metadata": {"name": "x", "namespace": "immich", "resourceVersion": "1", "uid": "u"}}
    for attempt in (
        lambda: client.apply(PODS, wanted, dry_run=False),
        lambda: client.create(PODS, wanted),
        lambda: client.replace(PODS, wanted),
        lambda: client.json_patch(PODS, wanted, []),
        lambda: client.delete(PODS, wanted),
    ):
        with pytest.raises(RuntimeError, match="check mode must not send"):
            attempt()
    assert api.asked == []
    api.answers = [(200, {}, {})]
    client.apply(PODS, wanted, dry_run=True)
    assert "dryRun=All" in api.asked[0][1]
