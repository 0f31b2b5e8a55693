"""Downloading the source weights: verified, bounded in size, complete or absent, safe to repeat."""

import hashlib
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file
from deeppap.io.progress import progress

SIZE = 243_862_414  # bytes of bvlc_reference_caffenet.caffemodel
BLOCK = 1 << 20
TIMEOUT = 30  # seconds without a byte


def download(target: Path, urls: Sequence[str], sha1: str, size: int = SIZE) -> str:
    """Fetch a file of `size` bytes from the first address that has it; returns one line for the user.

    Raises UserError if a file of another sha1 lies at `target`, or no address gives the right one. Nothing is left
    behind.
    """
    if target.exists():
        found = sha256_file(target, "sha1")
        if found != sha1:
            raise UserError(target, f"sha1 {sha1}", found, "Remove it and run the same command again.")
        return f"{target} is there and its sha1 is right"
    # the host of the reference weights is often down: mirrors are tried in turn, and all reasons are told
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


def _fetch(url: str, target: Path, sha1: str, size: int) -> None:
    """Write what an address gives to `target`; ValueError if it is not the file of that sha1."""
    if not url.startswith(("http://", "https://")):  # urllib opens file: and ftp: too
        raise ValueError("an address of a kind that is not allowed")
    digest = hashlib.sha1()
    # servers answer a client without a name with 403
    request = urllib.request.Request(url, headers={"User-Agent": "deeppap-caffe"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, target.open("wb") as file:
        with progress(total=size, unit="B", unit_scale=True, desc=target.name[1:-8]) as bar:
            # one byte more than the file has is enough to know that it is another one
            while file.tell() <= size and (block := response.read1(BLOCK)):
                file.write(block)
                digest.update(block)
                bar.update(len(block))
        found = file.tell()
    if found != size:
        raise ValueError(f"more than {size:,} bytes" if found > size else f"cut short, {found:,} of {size:,} bytes")
    if digest.hexdigest() != sha1:
        raise ValueError(f"a file of sha1 {digest.hexdigest()}")
