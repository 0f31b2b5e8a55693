"""A package that is not installed is one clear line, wherever it is needed first."""

import sys
import time
from contextlib import suppress

import pytest

from deeppap.io.errors import UserError
from deeppap.io.machine import TimeLimitError, time_limit
from deeppap.screening.parts import require_parquet
from deeppap.screening.slides.open_slide import open_slide


@pytest.mark.parametrize("module", ["pyarrow", "openslide"])
def test_what_is_missing_is_named_with_its_command(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "slide.svs").write_bytes(b"II*\0")
    calls = {"pyarrow": [require_parquet], "openslide": [lambda: open_slide(tmp_path / "slide.svs")]}
    for call in calls[module]:
        with pytest.raises(UserError, match=f"^{module}: expected this package, .* Run: make slides$"):
            call()


def test_a_time_limit_is_taken_for_no_other_fault():
    """Readers of images catch every exception of their libraries, and call the file broken."""
    with pytest.raises(TimeLimitError, match="1 s"), time_limit(1):
        while True:
            with suppress(Exception):
                time.sleep(5)
