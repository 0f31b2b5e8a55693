"""Downloading the source weights: verified, bounded in size and time, complete or absent, safe to repeat."""

import hashlib
import socket
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from threading import Timer

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file
from deeppap.io.progress import progress

SIZE = 243_862_414  # bytes of bvlc_reference_caffenet.caffemodel
BLOCK = 1 << 20
TIMEOUT = 30  # seconds without a byte
SLOWEST = 20_000  # bytes per second: slower ones take too long, even if they never stop


def download(target: Path, urls: Sequence[str], sha1: str, size: int = SIZE) -> str:
    """Fetch a file of `size` bytes from the first address that has it; returns one line for the user.

    An address may be of any machine, such as a mirror in the own network. But if it is of a public one, a redirect
    must lead to a public one too: otherwise a server outside could make us ask machines that only we can reach.

    Raises
    ------
    UserError
        If a file of another sha1 lies at `target`, or no address gives the right one. Nothing is left behind.
    """
    if target.exists():
        found = sha256_file(target, "sha1")
        if found != sha1:
            raise UserError(target, f"sha1 {sha1}", found, "Remove it and run the same command again.")
        return f"{target} is there and its sha1 is right"
    failures = []
    for url in urls:
        try:
            with complete_or_absent(target, size) as partial_file:
                _fetch(url, partial_file, sha1, size)
            return f"{target} fetched from {url}, sha1 verified"
        except (OSError, HTTPException, ValueError) as error:  # OSError: no such host, a timeout, "404"
            failures.append(f"{url}: {getattr(error, 'reason', error)}")
    do = "Try again later, or give another address with `url`."
    raise UserError(target, f"a file of sha1 {sha1}", "; ".join(failures) or "no address", do)


def is_public(address: str) -> bool:
    """Whether an IP address is of the open internet: not of this machine, its network, or a cloud's own services."""
    found = ip_address(address.split("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_global


class _Route(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens the addresses of one download, from the given one through its redirects, and checks where each leads."""

    def __init__(self):
        super().__init__()
        self.sockets: list[socket.socket] = []
        self.public_only = False  # known once the given address has been reached

    def do_open(self, http_class: Callable, req: urllib.request.Request, **options) -> HTTPResponse:
        """As urllib's own, by connections that are checked."""
        proxied = bool(req.has_proxy() or req._tunnel_host)

        def connection(*words, **more) -> HTTPConnection:
            made = http_class(*words, **more)
            made._create_connection = partial(self._connect, proxied)
            return made

        return super().do_open(connection, req, **options)

    def _connect(self, proxied: bool, *words, **options) -> socket.socket:
        """A connection; what counts is where it has led to, as a name may have another address at the next look."""
        made = socket.create_connection(*words, **options)
        self.sockets.append(made)
        peer = made.getpeername()[0]
        # a proxy reaches other machines as itself, so only what is asked without it matters
        if self.public_only and not proxied and not is_public(peer):
            made.close()
            raise OSError(f"a redirect from a public server to {peer}, which is not public")
        self.public_only = self.public_only or proxied or is_public(peer)
        return made

    def cut(self) -> None:
        """End all connections, so that whoever waits for a byte goes on."""
        for connection in self.sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _opener(route: _Route) -> urllib.request.OpenerDirector:
    """What opens http and https addresses; urllib's default would follow a redirect to ftp as well."""
    request, opener = urllib.request, urllib.request.OpenerDirector()
    others = (request.HTTPRedirectHandler, request.HTTPErrorProcessor, request.HTTPDefaultErrorHandler)
    for handler in (request.ProxyHandler(), route, *(kind() for kind in others), request.UnknownHandler()):
        opener.add_handler(handler)
    return opener


def _fetch(url: str, target: Path, sha1: str, size: int) -> None:
    digest, route = hashlib.sha1(), _Route()
    request = urllib.request.Request(url, headers={"User-Agent": "deeppap-caffe"})
    # TIMEOUT is for one wait; a server that sends a byte now and then is ended here
    seconds = 2 * TIMEOUT + size / SLOWEST
    alarm = Timer(seconds, route.cut)
    alarm.daemon = True
    alarm.start()
    try:
        with _opener(route).open(request, timeout=TIMEOUT) as response, target.open("wb") as file:
            name = target.name[1:-8]
            with progress(total=size, unit="B", unit_scale=True, desc=name) as bar:
                # read1: what has come, however little, so that the bounds hold
                while file.tell() <= size and (block := response.read1(BLOCK)):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
            found = file.tell()
    finally:
        late = not alarm.is_alive()
        alarm.cancel()
        if late:
            raise OSError(f"not complete after {seconds:,.0f} s")
    if found != size:
        raise ValueError(f"more than {size:,} bytes" if found > size else f"cut short, {found:,} of {size:,} bytes")
    if digest.hexdigest() != sha1:
        raise ValueError(f"a file of sha1 {digest.hexdigest()}")
