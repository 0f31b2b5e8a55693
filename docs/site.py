"""The site of these pages: the page of all tools, and links that lead out of docs/.

    .venv/bin/python docs/site.py     write docs/reference/tools.md

MkDocs calls `on_page_markdown` of this file (see mkdocs.yml).
"""

import os
import re
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/reference/tools.md"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]*)\)")
WIDTH = 110  # columns of the help texts on the page


def on_page_markdown(markdown: str, page, **_) -> str:
    """Leave the text of links to files outside docs/, which the site does not have."""
    folder = PurePosixPath(page.file.src_uri).parent

    def without_link(link: re.Match) -> str:
        outside = os.path.normpath(folder / link[2]).startswith("..")
        return f"`{link[1]}`" if outside and "`" not in link[1] else link[1] if outside else link[0]

    return LINK.sub(without_link, markdown)


def tools_page() -> str:
    """The help of every tool, as Markdown."""
    parts = ["# All tools and their options\n\nThis page is made from `--help` of each tool by `docs/site.py`.\n"]
    for tool in sorted((ROOT / "tools").glob("[a-z]*.py")):
        # run as a program: its default numbers, such as cores, must not be those of the machine that made the page
        environment = {**os.environ, "COLUMNS": str(WIDTH)}
        command = [tool, "--help"]
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        text = re.sub(r"(threads that render views \(default: )\d+", r"\1one per core", text)
        parts.append(f"## {tool.name}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(tools_page(), encoding="utf-8")
