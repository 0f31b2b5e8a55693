"""The site of these pages: the page of all tools, and links that lead out of docs/.

    .venv/bin/python docs/site.py     write docs/reference/tools/

MkDocs calls `on_page_markdown` of this file (see mkdocs.yml).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/reference/tools"
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]*)\)")
WIDTH = 110  # columns of the help texts on the page


def on_page_markdown(markdown: str, page, **_) -> str:
    """Leave the text of links to files outside docs/, which the site does not have."""
    folder = PurePosixPath(page.file.src_uri).parent

    def without_link(link: re.Match) -> str:
        outside = os.path.normpath(folder / link[2]).startswith("..")
        return f"`{link[1]}`" if outside and "`" not in link[1] else link[1] if outside else link[0]

    return LINK.sub(without_link, markdown)


def tools_pages() -> dict[str, str]:
    """A page for each tool with its help, and the list of them, as Markdown by file name."""
    pages, names = {}, []
    for tool in sorted((ROOT / "tools").glob("[a-z]*.py")):
        # run as a program, in a fixed width: the page must not depend on the machine that made it
        environment = {**os.environ, "COLUMNS": str(WIDTH)}
        command = [tool, "--help"]
        text = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        text = re.sub(r"(threads that render views \(default: )\d+", r"\1one per core", text)
        pages[f"{tool.stem}.md"] = f"# {tool.name}\n\n```text\n{text.rstrip()}\n```\n"
        about = re.search(r'^"""(.+?)(?:"""|\n)', tool.read_text(encoding="utf-8"), re.MULTILINE)[1]
        names.append(f"| [{tool.name}]({tool.stem}.md) | {about} |")
    head = ["# All tools", "", "These pages are made from `--help` of each tool by `docs/site.py`.", ""]
    return {"index.md": "\n".join([*head, "| tool | what it does |", "|---|---|", *names, ""]), **pages}


if __name__ == "__main__":
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    for name, text in tools_pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
