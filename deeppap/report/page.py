"""Pieces of the report's one HTML page; everything from outside is escaped here."""

import base64
import html
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from deeppap.io.errors import printable
from deeppap.report.tables.table import Table

CSS = Path(__file__).with_name("page.css")
# the page may load nothing and run nothing, whatever a file name holds
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def text(value: object) -> str:
    """Any value as harmless HTML text."""
    return html.escape(printable(str(value)))


def lines(value: str) -> str:
    """A file's text, line ends kept, as harmless HTML text."""
    return "\n".join(text(line.expandtabs(2)) for line in value.splitlines())


def words_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of words: the first column names what the others say of it."""
    return _table(columns, rows, "words")


def number_table(table: Table, of_runs: Collection[str] = ()) -> str:
    """One of the results' tables with its title and notes; those `of_runs` stand together in one line."""
    own = "".join(f"<li>{text(note)}</li>" for note in table.notes if not _holds_for_runs(note, of_runs))
    shared = "; ".join(text(note) for note in table.notes if _holds_for_runs(note, of_runs))
    below = (f'<ul class="notes">{own}</ul>' if own else "") + (f'<p class="notes">{shared}.</p>' if shared else "")
    head = f'<h3 id="{text(table.name)}">{text(table.title)}</h3>'
    return f"<section>{head}\n{_table(table.columns, table.text_rows(), 'numbers')}\n{below}</section>"


def _holds_for_runs(note: str, of_runs: Collection[str]) -> bool:
    return any(note.endswith(f": {known}") for known in of_runs)


def _are_words(column: Sequence[str]) -> bool:
    """Whether most entries of a column begin with a letter, so that it reads better from the left."""
    given = [value for value in column if value not in ("", "-")]
    return 2 * sum(value[0].isalpha() for value in given) > len(given)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]], kind: str) -> str:
    rows = [[str(value) for value in row] for row in rows]
    left = [' class="left"' if _are_words(column) else "" for column in zip(*rows, strict=True)] or [""] * len(columns)
    head = "".join(f'<th scope="col"{c}>{text(column)}</th>' for c, column in zip(left, columns, strict=True))
    body = []
    for first, *rest in rows:
        entries = "".join(f"<td{c}>{text(value)}</td>" for c, value in zip(left[1:], rest, strict=True))
        body.append(f'<tr><th scope="row">{text(first)}</th>{entries}</tr>')
    filled = "\n".join(body)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{filled}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def picture(title: str, caption: str, data: bytes, kind: str, width: float) -> str:
    """A figure with its picture inside the page; `kind` is its MIME type, `width` in inches."""
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    image = f'<img alt="{text(title)}" src="{source}" style="--width:{width * 1.25:.2f}in">'
    return f'<figure><div class="wide">{image}</div>\n{_caption(title, caption)}</figure>'


def absent(title: str, caption: str, why: str) -> str:
    """A figure that is left out, and why."""
    return f'<figure><div class="absent">Left out: {text(why)}.</div>\n{_caption(title, caption)}</figure>'


def _caption(title: str, caption: str) -> str:
    return f"<figcaption><strong>{text(title)}.</strong> {text(caption)}</figcaption>"


def bullets(items: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "\n".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"


def listing(title: str, content: str) -> str:
    """A file shown in full."""
    return f"<h3>{text(title)}</h3>\n<pre>{lines(content)}</pre>"


def page(title: str, sections: Sequence[tuple[str, str, str]], head: str, foot: str) -> str:
    """The whole page; `sections` holds (id, heading, HTML), `head` and `foot` are HTML."""
    links = "".join(f'<li><a href="#{text(name)}">{text(heading)}</a></li>' for name, heading, _ in sections)
    body = "\n".join(f'<section id="{text(n)}"><h2>{text(h)}</h2>\n{content}</section>' for n, h, content in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{text(title)}</title>
<style>
{CSS.read_text(encoding="utf-8")}</style>
</head>
<body>
<h1>{text(title)}</h1>
{head}
<nav aria-label="Contents"><ul>{links}</ul></nav>
<main>
{body}
</main>
<footer>{foot}</footer>
</body>
</html>
"""
