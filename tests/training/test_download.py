"""tools/download_weights.py against a server of our own on loopback."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deeppap.io.errors import UserError
from deeppap.training.download import download

CONTENT = bytes(range(256)) * 5000
SIZE = len(CONTENT)
SHA1 = hashlib.sha1(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves /good, /cut (ends early), /other (other bytes) and /more (too many); all else is 404."""

    requests: list[str] = []

    def do_GET(self):
        self.requests.append(self.path)
        bodies = {"/good": CONTENT, "/cut": CONTENT, "/other": CONTENT[::-1], "/more": CONTENT + b"."}
        body = bodies.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
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


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_other_kinds_of_addresses_are_refused(tmp_path, address):
    with pytest.raises(UserError, match="not allowed"):
        download(tmp_path / "net", [address], SHA1, SIZE)
    assert list(tmp_path.iterdir()) == []
