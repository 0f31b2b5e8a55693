"""How long the sentences of a page are.

.venv/bin/python tests/support/sentences.py README.md docs/getting-started.md docs/how-to/*.md
"""

import re
import statistics
import sys
from pathlib import Path


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown page: without code, tables, headings, and the addresses of links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^(?: {4}| {2}tools/).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(?:\||#|!\[|<!--).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    found = []
    for block in re.split(r"\n\s*\n|\n\s*(?=[-*] |\d+\. )", text):
        # an item's mark is no word, and a stop within a name or a number ends nothing
        block = re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "", " ".join(block.split()))
        found += re.split(r"(?<=[.!?:])\s+(?=[A-Z`*\[(])", block)
    return [one for one in found if words(one) > 1]


def words(sentence: str) -> int:
    """Words of a sentence; code between backticks is one."""
    return len(re.findall(r"\w[\w'.,/%-]*", re.sub(r"`[^`]*`", "code", sentence)))


def summary(text: str) -> tuple[float, int]:
    """The median and the largest number of words."""
    counts = [words(one) for one in sentences(text)]
    return statistics.median(counts), max(counts)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name).read_text(encoding="utf-8")
        middle, most = summary(page)
        longest = max(sentences(page), key=words)
        print(f"{name}: median {middle:g}, longest {most}: {longest[:100]}")
