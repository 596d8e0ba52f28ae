"""A real Kubernetes API server for a moment: etcd and kube-apiserver on free ports of the loopback interface.

Nothing runs what it is told: there is no scheduler, no controller and no node. In this room: starting, stopping, and
asking it by kubectl. Not in this room: what it is asked (`server`).
"""

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.checks.rendering import ROOT, kubectl

BINARY: Final = ROOT / ".tools/kube-apiserver"
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 20.0


class NoServer(Exception):
    """An API server could not be started here; the message says what is missing or what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An API server that answers."""

    home: Path

    def ask(self, *arguments: str, given: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run kubectl against it, as an administrator; `given` is its standard input."""
        command = [kubectl(), "--kubeconfig", str(self.home / "kubeconfig"), *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603


@contextmanager
def api_server() -> Iterator[Server]:
    """Run an API server of our own; raises `NoServer` where it cannot be."""
    etcd = shutil.which("etcd")
    if etcd is None:
        raise NoServer("etcd is missing: apt-get install etcd-server")
    if not BINARY.is_file():
        raise NoServer("kube-apiserver is missing: make .tools/kube-apiserver (Go, a quarter of an hour)")
    with (
        tempfile.TemporaryDirectory(prefix="scv-apiserver-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        home = Path(folder)
        client, peer, port = _free_ports(3)
        _lay_out(home, port)
        store = f"http://127.0.0.1:{client}"
        stack.enter_context(
            _running([etcd, *_etcd_options(home, store, f"http://127.0.0.1:{peer}")], home / "etcd.log")
        )
        process = stack.enter_context(_running([str(BINARY), *_options(home, store, port)], home / "apiserver.log"))
        server = Server(home=home)
        _wait_for(server, process)
        yield server


def _lay_out(home: Path, port: int) -> None:
    """Write the key that signs tokens of service accounts, the administrator's token, and how kubectl finds us."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (home / "accounts.key").write_bytes(pem)
    token = secrets.token_urlsafe(32)
    (home / "tokens.csv").write_text(f"{token},administrator,administrator,system:masters\n", "utf-8")
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        # Its certificate is of its own making and lives as long as it does, on the loopback interface.
        "clusters": [
            {"name": "own", "cluster": {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "administrator", "user": {"token": token}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "administrator"}}],
        "current-context": "own",
    }
    (home / "kubeconfig").write_text(json.dumps(config), "utf-8")
    for file in home.iterdir():
        file.chmod(0o600)


def _etcd_options(home: Path, store: str, peer: str) -> Sequence[str]:
    return [
        f"--data-dir={home / 'etcd'}",
        f"--listen-client-urls={store}",
        f"--advertise-client-urls={store}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _options(home: Path, store: str, port: int) -> Sequence[str]:
    return [
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={home / 'certificates'}",
        f"--token-auth-file={home / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={home / 'accounts.key'}",
        f"--service-account-signing-key-file={home / 'accounts.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
    ]


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    patience = time.monotonic() + _START_SECONDS
    while server.ask("get", "--raw", "/readyz").stdout != "ok":
        if process.poll() is not None or time.monotonic() > patience:
            raise NoServer(f"it did not start: {(server.home / 'apiserver.log').read_text('utf-8')[-1500:]}")
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
