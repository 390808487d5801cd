# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubeconfig and a context come to, and what the client does with an API server that is busy, gone, or says no."""

from __future__ import annotations

import base64
import datetime
import http.server
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Resource, Unreachable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import KubeconfigError, access
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PODS = Resource("v1", "Pod", "pods", namespaced=True)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def kubeconfig(tmp_path):
    """Write a kubeconfig; clusters and users are given by what differs."""

    def write(cluster=None, user=None, name="config"):
        path = tmp_path / name
        content = {
            "clusters": [{"name": "c", "cluster": {"server": NOBODY, **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "homelab", "context": {"cluster": "c", "user": "u"}}],
        }
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return write


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No kubeconfig and no proxy of the machine."""
    for name in ("KUBECONFIG", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


class ApiServer(http.server.ThreadingHTTPServer):
    """Gives the answers that a test has put in line, an empty object after them, and remembers what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.scheme = [], [], "http"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, data = self.server.answers.pop(0) if self.server.answers else (200, {}, {})
        self.close_connection = headers.get("X-Drop") == "yes"
        if status is None:  # hang up without an answer
            self.close_connection = True
            return
        payload = json.dumps(data).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_PATCH = do_POST = do_DELETE = do_PUT = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def api():
    """An API server on this machine."""
    with ApiServer() as listener:
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield listener
        listener.shutdown()


@pytest.fixture
def reach(api, kubeconfig):
    """A client of that server."""

    def make(cluster=None, user=None, rehearsal=False, **options):
        return Client(access(kubeconfig({"server": api.url, **(cluster or {})}, user), "homelab", rehearsal), **options)

    return make


def ask(client):
    return client.get(PODS, "x", "immich")


# ---- the kubeconfig


def test_a_context_that_is_not_there_is_named_with_those_that_are(kubeconfig):
    with pytest.raises(KubeconfigError, match=r"no context named production\. It knows: homelab\."):
        access(kubeconfig(), "production")


def test_no_context_is_never_guessed(kubeconfig):
    with pytest.raises(KubeconfigError, match=r"immich_context is empty.* It knows: homelab\."):
        access(kubeconfig(), "")


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(KubeconfigError, match=r"There is no file .*nowhere: set immich_kubeconfig"):
        access(str(tmp_path / "nowhere"), "homelab")
    for content in ("{[", "just a sentence", "- a\n- list\n", "contexts: 5\n", ""):
        (tmp_path / "broken").write_text(content)
        with pytest.raises(KubeconfigError, match=r"broken cannot be read"):
            access(str(tmp_path / "broken"), "homelab")


def test_the_first_of_several_files_wins(api, kubeconfig, monkeypatch):
    first, second = kubeconfig({"server": api.url}, name="one"), kubeconfig(name="two")
    monkeypatch.setenv("KUBECONFIG", f"/nowhere:{first}:{second}")
    ask(Client(access(None, "homelab")))
    assert len(api.asked) == 1


def test_the_environment_cannot_redirect(api, kubeconfig, reach, monkeypatch):
    for name in ("HOST", "KUBECONFIG", "CONTEXT", "API_KEY", "PROXY"):
        monkeypatch.setenv(f"K8S_AUTH_{name}", NOBODY)
    monkeypatch.setenv("KUBECONFIG", kubeconfig(user={"token": "other"}, name="poisoned"))
    ask(reach(user={"token": "t"}, rehearsal=True))
    assert api.asked[0][2]["authorization"] == "Bearer t"


def test_a_rehearsal_stays_on_this_machine(api, kubeconfig, reach, monkeypatch, tmp_path):
    for address in ("https://198.51.100.7:6443", "https://127.0.0.1.example.net:6443", "https://192.168.1.2", "http://127.0.0.1@198.51.100.7"):
        with pytest.raises(KubeconfigError, match="only talks to this machine"):
            access(kubeconfig({"server": address}), "homelab", rehearsal=True)
    with pytest.raises(KubeconfigError, match="uses no proxy"):
        reach({"proxy-url": "http://198.51.100.7:3128"}, rehearsal=True)
    for login in ({"exec": {"apiVersion": "v1", "command": "touch", "args": [f"{tmp_path}/ran"]}}, {"auth-provider": {"name": "oidc"}}):
        with pytest.raises(KubeconfigError, match="runs no login command"):
            reach(user=login, rehearsal=True)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(KubeconfigError, match="needs the kubeconfig of the rehearsal"):
        access("", "homelab", rehearsal=True)
    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    ask(reach(rehearsal=True))
    assert len(api.asked) == 1


def test_a_real_run_uses_the_proxy_of_the_environment_or_the_kubeconfig(api, kubeconfig, monkeypatch):
    there = {"server": "http://192.0.2.1:6443"}
    ask(Client(access(kubeconfig({**there, "proxy-url": api.url}), "homelab")))
    monkeypatch.setenv("HTTP_PROXY", api.url)
    ask(Client(access(kubeconfig(there), "homelab")))
    assert [path for _method, path, _headers, _body in api.asked] == ["http://192.0.2.1:6443/api/v1/namespaces/immich/pods/x"] * 2
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    ask(Client(access(kubeconfig({"server": api.url}), "homelab")))
    assert api.asked[2][1] == "/api/v1/namespaces/immich/pods/x"


def test_tokens_passwords_and_login_commands(api, reach, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    login = tmp_path / "login"
    answer = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s-%s"}}'
    login.write_text(f"#!/bin/sh\nprintf '{answer}' \"$1\" \"$WHO\"\n")
    login.chmod(0o755)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login", "args": ["hello"], "env": [{"name": "WHO", "value": "me"}]}
    for user in ({"tokenFile": "token"}, {"username": "me", "password": "pw"}, {"exec": plugin}):
        ask(reach(user=user))
    basic = base64.b64encode(b"me:pw").decode()
    assert [headers["authorization"] for _method, _path, headers, _body in api.asked] == ["Bearer from-a-file", f"Basic {basic}", "Bearer hello-me"]
    login.write_text("#!/bin/sh\necho please log in first >&2\nexit 1\n")
    with pytest.raises(KubeconfigError, match="The login command of context homelab failed: .*please log in first"):
        reach(user={"exec": plugin})
    with pytest.raises(KubeconfigError, match="login command of context homelab failed: .*No such file.*nowhere"):
        reach(user={"exec": {**plugin, "command": "./nowhere"}})


def test_a_certificate_file_that_is_missing_is_named(kubeconfig):
    with pytest.raises(KubeconfigError, match=r"Context homelab of .*config cannot be used: .*nowhere\.crt"):
        access(kubeconfig({"server": "https://127.0.0.1:9"}, {"client-certificate": "nowhere.crt"}), "homelab")


@pytest.mark.parametrize("user", [{"name": "u", "token": "hunter2"}, {"name": "u", "user": {"exec": {"token": "hunter2", "env": [{"name": "hunter2"}]}}}])
def test_no_error_shows_a_token_that_stands_in_the_wrong_place(kubeconfig, user):
    path = kubeconfig({"server": "https://127.0.0.1:9"})
    with open(path, encoding="utf-8") as file:
        content = yaml.safe_load(file)
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump({**content, "users": [user]}, file)
    with pytest.raises(KubeconfigError) as error:
        access(path, "homelab")
    assert "hunter2" not in str(error.value)


# ---- TLS


def certificate(name, issuer=None):
    """A certificate as some clusters make it: nothing in it that is not needed, no key identifiers."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issued_by, signing_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issued_by).public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    else:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    return builder.sign(signing_key, hashes.SHA256()), key


def pem(certificate_and_key):
    parts = certificate_and_key[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate_and_key[0].public_bytes(serialization.Encoding.PEM), parts


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificates_are_checked_by_the_authority_of_the_cluster(api, reach, tmp_path):
    authority = certificate("cluster")
    (tmp_path / "server.pem").write_bytes(b"".join(pem(certificate("kube-apiserver", authority))))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem")
    api.socket, api.scheme = tls.wrap_socket(api.socket, server_side=True), "https"

    def trusting(those):
        return {"certificate-authority-data": base64.b64encode(pem(those)[0]).decode()}

    ask(reach(trusting(authority)))
    ask(reach({"insecure-skip-tls-verify": True}))
    assert len(api.asked) == 2
    for other in (trusting(certificate("another")), {}, {**trusting(authority), "tls-server-name": "example.net"}):
        with pytest.raises(Unreachable, match="does not answer: .*(certificate|example.net)"):
            ask(reach(other))
    assert len(api.asked) == 2


# ---- the library


def run_python(checkout, code):
    environment = {**os.environ, "PYTHONPATH": str(checkout / "collections")}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout


def test_without_the_library_one_sentence_names_it(checkout):
    code = """if True:
        import sys
        sys.modules.update(kubernetes=None, urllib3=None)
        from ansible_collections.homelab.immich.plugins.action import apply, cluster_check
        from ansible_collections.homelab.immich.plugins.modules import api_key
        from ansible_collections.homelab.immich.plugins.module_utils.immich import key_store, kubernetes_proxy
        try:
            apply.kubeconfig.access("kubeconfig", "homelab")
        except apply.kubeconfig.KubeconfigError as error:
            print(error)
    """
    assert "Failed to import the required Python library (kubernetes)" in run_python(checkout, code)


def test_an_immich_module_does_not_load_the_library_for_nothing(checkout):
    code = """if True:
        import sys
        from ansible_collections.homelab.immich.plugins.modules import admin, api_key, library, library_info, scan_schedule, system_config, user
        print("kubernetes" in sys.modules, "urllib3" in sys.modules)
    """
    assert run_python(checkout, code) == "False False\n"


# ---- the API server


def test_a_busy_api_server_is_asked_again(api, reach):
    for method in ("get", "create"):
        api.answers, api.asked = [(429, {"Retry-After": "0"}, {}), (503, {"Retry-After": "0"}, {}), (200, {}, {"kind": "Pod"})], []
        client = reach()
        answer = ask(client) if method == "get" else client.create(PODS, {"metadata": {"name": "x"}})
        assert answer == {"kind": "Pod"}
        assert len(api.asked) == client.requests == 3


def test_a_server_that_stays_busy_says_so(api, reach):
    api.answers = [(503, {"Retry-After": "0"}, {"message": "starting"})] * 9
    with pytest.raises(ApiError, match="starting"):
        ask(reach())
    assert len(api.asked) == 5


def test_a_kept_connection_that_was_closed_is_opened_again(api, reach):
    client = reach()
    for hang_up in ((200, {"X-Drop": "yes"}, {}), (None, {}, {})):
        api.answers = [(200, {}, {}), hang_up, (200, {}, {"kind": "Pod"})]
        ask(client)
        ask(client)
        if hang_up[0]:
            ask(client)
        assert api.answers == []


def test_a_post_whose_answer_was_lost_is_not_sent_again(api, reach):
    api.answers = [(200, {}, {}), (None, {}, {})]
    client = reach()
    ask(client)
    with pytest.raises(Unreachable, match="does not answer"):
        client.create(PODS, {"metadata": {"name": "x"}})
    assert [method for method, _path, _headers, _body in api.asked] == ["GET", "POST"]


def test_no_redirect_is_followed(api, reach):
    api.answers = [(302, {"Location": f"{api.url}/elsewhere"}, {})]
    with pytest.raises(ApiError, match="HTTP 302"):
        ask(reach(user={"token": "t"}))
    assert len(api.asked) == 1


def test_who_is_asking_is_said(api, reach):
    ask(reach())
    assert api.asked[0][2]["user-agent"] == "homelab.immich (ansible)"


def test_what_is_not_there_is_none_and_what_is_refused_an_error(api, reach):
    api.answers = [(404, {}, {}), (422, {}, {"message": "no", "reason": "Invalid", "details": {"causes": [{"field": "spec"}]}})]
    client = reach()
    assert ask(client) is None
    with pytest.raises(ApiError, match="no") as error:
        ask(client)
    assert (error.value.status, error.value.reason, error.value.causes) == (422, "Invalid", [{"field": "spec"}])


def test_credentials_that_are_not_accepted_are_one_sentence(api, reach):
    api.answers = [(401, {}, {"message": "Unauthorized"})]
    with pytest.raises(Unreachable, match="does not accept the credentials of the kubeconfig"):
        ask(reach())


def test_a_server_that_is_not_there_is_one_sentence(kubeconfig):
    with pytest.raises(Unreachable, match=r"127.0.0.1:9 does not answer: Connection refused. Check that it runs, .* immich_context and immich_kubeconfig"):
        ask(Client(access(kubeconfig(), "homelab")))


def test_pages_of_a_list_are_joined(api, reach):
    api.answers = [(200, {}, {"items": [{"a": 1}], "metadata": {"continue": "more"}}), (200, {}, {"items": [{"a": 2}], "metadata": {}})]
    assert [item["a"] for item in reach().list(PODS, "immich")] == [1, 2]
    assert "continue=more" in api.asked[1][1]


def test_nothing_but_reads_and_dry_runs_leaves_a_client_in_check_mode(api, reach):
    client = reach(read_only=True)
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


def test_only_what_the_server_did_counts_as_written(api, reach):
    wanted = {"metadata": {"name": "x"}}
    client = reach()
    api.answers = [(200, {}, {}), (200, {}, {}), (422, {}, {"message": "no"}), (200, {}, {})]
    ask(client)
    client.apply(PODS, wanted, dry_run=True)
    with pytest.raises(ApiError, match="no"):
        client.apply(PODS, wanted, dry_run=False)
    assert client.writes == 0
    client.apply(PODS, wanted, dry_run=False)
    assert (client.writes, client.requests) == (1, 4)
