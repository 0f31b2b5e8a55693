"""The pictures of these pages: drawn fields, screened with the net that is included, in the present gallery.

    .venv/bin/python docs/pictures.py     write docs/images/

It needs chromium and `make score`, and takes half a minute.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
DRAW = ["--fields", "3", "--cells", "40", "--seed", "3"]
SCREEN = ["--mpp", "0.201", "--confidence", "0.2", "--net", "models/herlev_cric", "--engine", "openvino"]
LABELLED = 7  # cells of the picture
AGAINST = 3  # the one whose label is not what the net says


def write_pictures(out: Path) -> None:
    """Write gallery.png and fields.jpg into the folder `out`."""
    with tempfile.TemporaryDirectory() as folder:
        fields, screen = Path(folder) / "fields", Path(folder) / "screen"
        tool("make_phantom.py", fields, *DRAW)
        tool("screen.py", fields, *SCREEN, "--out", screen)
        photograph(screen / "gallery.html", out / "gallery.png")
        Image.open(screen / "field_02/overlay.png").convert("RGB").save(out / "fields.jpg", quality=85)


def tool(name: str, *words: object) -> None:
    """Run a tool as a user does."""
    subprocess.run([sys.executable, ROOT / "tools" / name, *map(str, words)], check=True, cwd=ROOT)


def photograph(page: Path, picture: Path) -> None:
    """The first screen of a gallery whose first cells are labelled, cells of all scores side by side."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1280, "height": 960})
        view.goto(page.as_uri())
        view.fill("#who", "A. Person")
        view.select_option("#order", "random")
        view.focus(".cell >> nth=0")
        for number in range(LABELLED):
            abnormal = "abnormal" in view.inner_text(".cell:focus > span")
            view.keyboard.press("a" if abnormal != (number == AGAINST) else "n")
        view.evaluate("scrollTo(0, 0)")
        view.screenshot(path=str(picture))
        browser.close()


if __name__ == "__main__":
    write_pictures(ROOT / "docs/images")
