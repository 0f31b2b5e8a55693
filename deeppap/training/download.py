"""Downloading the source weights: verified, complete or absent, safe to repeat."""

import hashlib
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file

SIZE = 243_862_414  # bytes
BLOCK = 1 << 20
TIMEOUT = 30  # seconds without a byte


def download(target: Path, urls: Sequence[str], sha1: str, need_bytes: int = SIZE) -> str:
    """Fetch a file from the first address that has it; returns one line for the user.

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
            with complete_or_absent(target, need_bytes) as partial:
                _fetch(url, partial, sha1)
            return f"{target} fetched from {url}, sha1 verified"
        except (OSError, HTTPException, ValueError) as error:  # OSError: no such host, a timeout, "404"
            failures.append(f"{url}: {getattr(error, 'reason', error)}")
    do = "Try again later, or give another address with `url`."
    raise UserError(target, f"a file of sha1 {sha1}", "; ".join(failures) or "no address", do)


def _fetch(url: str, partial: Path, sha1: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("not an http(s) address")
    digest = hashlib.sha1()
    request = urllib.request.Request(url, headers={"User-Agent": "deeppap-caffe"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response, partial.open("wb") as file:
        total = int(response.headers.get("Content-Length") or 0)
        with tqdm(total=total or None, unit="B", unit_scale=True, desc=partial.name[1:-8], disable=None) as bar:
            while block := response.read(BLOCK):
                file.write(block)
                digest.update(block)
                bar.update(len(block))
    # urllib ends a connection that breaks off without an error
    if total and partial.stat().st_size != total:
        raise ValueError(f"cut short, {partial.stat().st_size:,} of {total:,} bytes")
    if digest.hexdigest() != sha1:
        raise ValueError(f"a file of sha1 {digest.hexdigest()}")
