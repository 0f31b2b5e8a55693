"""tools/download_weights.py against a server of our own on loopback."""

import hashlib
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deeppap.io.errors import UserError
from deeppap.training import download as downloading
from deeppap.training.download import download, is_public
from tests.support.checkout import run_tool

CONTENT = bytes(range(256)) * 5000
SIZE = len(CONTENT)
SHA1 = hashlib.sha1(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves /good, /cut (ends early), /other (other bytes), /more (too many), /slow (a byte now and then).

    /to?ADDRESS redirects there; all else is 404.
    """

    requests: list[str] = []

    def do_GET(self):
        self.requests.append(self.path)
        path, _, target = self.path.partition("?")
        if path == "/to":
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
            return
        body = {
            "/good": CONTENT,
            "/slow": CONTENT,
            "/cut": CONTENT,
            "/other": CONTENT[::-1],
            "/more": CONTENT + b".",
        }.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/slow":
            with suppress(OSError):
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.1)
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_the_first_address_with_the_right_file_is_used_once(server, tmp_path):
    target = tmp_path / "models" / "net.caffemodel"
    addresses = [f"{server}/{path}" for path in ("cut", "other", "missing", "good")]
    assert "sha1 verified" in download(target, addresses, SHA1, SIZE)
    assert target.read_bytes() == CONTENT
    assert Handler.requests == ["/cut", "/other", "/missing", "/good"]
    download(target, addresses, SHA1, SIZE)
    assert len(Handler.requests) == 4


@pytest.mark.parametrize(
    ("path", "said"),
    [("cut", "cut short"), ("more", "more than"), ("other", "a file of sha1"), ("missing", "Not Found")],
)
def test_a_wrong_file_leaves_nothing(server, tmp_path, path, said):
    with pytest.raises(UserError, match=said):
        download(tmp_path / "net.caffemodel", [f"{server}/{path}"], SHA1, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_sha1_is_kept_and_named(server, tmp_path):
    target = tmp_path / "net.caffemodel"
    target.write_bytes(b"mine")
    with pytest.raises(UserError, match=SHA1):
        download(target, [f"{server}/good"], SHA1, SIZE)
    assert target.read_bytes() == b"mine"


def test_a_disk_too_small_is_refused_beforehand(server, tmp_path):
    with pytest.raises(UserError, match="of free disk"):
        download(tmp_path / "net.caffemodel", [f"{server}/good"], SHA1, 10**18)
    assert Handler.requests == []


def test_the_tool_prints_an_error_in_one_line(checkout, server, tmp_path):
    (tmp_path / "stale").write_bytes(b"x")
    words = ("--url", f"{server}/good", "--out", tmp_path / "stale")
    done = run_tool(checkout, "download_weights", *words, status=2)
    assert done.stderr.count("\n") == 1 and "stale" in done.stderr


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "SLOWEST", SIZE)
    monkeypatch.setattr(downloading, "TIMEOUT", 1)
    start = time.monotonic()
    with pytest.raises(UserError, match="not complete after 3 s"):
        download(tmp_path / "net.caffemodel", [f"{server}/slow"], SHA1, SIZE)
    assert time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []


PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1%eth0", "fd00::1"]


def test_public_addresses():
    assert not any(map(is_public, [*PRIVATE, "::ffff:127.0.0.1", "100.64.0.1"]))
    assert all(map(is_public, ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"]))


def test_a_mirror_in_the_own_network_may_redirect(server, tmp_path):
    assert "verified" in download(tmp_path / "net", [f"{server}/to?{server}/good"], SHA1, SIZE)


@pytest.mark.parametrize("target", ["/good", "http://localhost:{port}/good", "http://[::ffff:127.0.0.1]:{port}/good"])
def test_a_public_server_may_not_redirect_into_the_own_network(server, tmp_path, monkeypatch, target):
    port = server.rsplit(":", 1)[1]
    asked = []

    def public_at_first(address):
        asked.append(address)
        return len(asked) == 1 or is_public(address)

    monkeypatch.setattr(downloading, "is_public", public_at_first)
    with pytest.raises(UserError, match="redirect from a public server to"):
        download(tmp_path / "net", [f"{server}/to?{target.format(port=port)}"], SHA1, SIZE)
    assert len(Handler.requests) == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_other_kinds_of_addresses_are_refused_also_after_a_redirect(server, tmp_path, address):
    for first in (address, f"{server}/to?{address}"):
        with pytest.raises(UserError, match="not allowed|unknown url type"):
            download(tmp_path / "net", [first], SHA1, SIZE)
    assert list(tmp_path.iterdir()) == []
