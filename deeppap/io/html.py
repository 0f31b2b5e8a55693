"""Pages and other texts from Jinja2 templates; values are escaped by default.

A template is named by its place in the package, such as `report/templates/report.html`. Pages extend
`io/templates/base.html`, which brings the common style and forbids a page to load anything.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from deeppap.io.errors import printable

PACKAGE = Path(__file__).parents[1]
# a page loads nothing and runs nothing, whatever a file name holds; its pictures are inside it
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(template: str, script: str | None = None, **values: Any) -> str:
    """The text of a template, named by its path below the package, filled with `values`.

    Values are HTML-escaped unless the path ends in `.md`; characters that cannot be printed are written out in both. A
    value of type `Markup` is taken as it is. `script` is the path of the one script that the page may run; `base.html`
    places it at the end of the body.
    """
    text = source(script) if script else None
    return _environment().get_template(template).render(script=text, policy=_policy(text), **values)


def source(name: str) -> Markup:
    """The text of one of the package's own files, such as a style or a script; not escaped."""
    return Markup((PACKAGE / name).read_text(encoding="utf-8"))


def lines(text: str) -> Markup:
    """The text of a file with its line ends kept and everything else escaped."""
    return Markup("\n").join(escape(printable(line.expandtabs(2))) for line in text.splitlines())


def breakable(name: str) -> Markup:
    """A name that a narrow page breaks after its marks, before it breaks within a word."""
    return Markup(re.sub(r"([_.-])", r"\1<wbr>", str(escape(printable(name)))))


def capital(text: str) -> str:
    """A text that begins as a sentence does."""
    return text[:1].upper() + text[1:]


def shortened(name: str) -> Markup:
    """A name of at most 22 characters, as gallery.js has it: a long one keeps its beginning and its end."""
    name = printable(name)
    return breakable(name) if len(name) <= 22 else breakable(name[:10]) + Markup("…<wbr>") + breakable(name[-10:])


def data_uri(data: bytes, mime: str) -> str:
    """Bytes as a URI that holds them, for a picture inside the page."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE),
        autoescape=lambda name: not (name or "").endswith(".md"),
        # a misspelled value must fail in the tests and not print nothing
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"source": source, "data_uri": data_uri}
    environment.filters |= {"lines": lines, "breakable": breakable, "capital": capital, "shortened": shortened}
    return environment


def _finalize(value: Any) -> Any:
    """Write out unprintable characters, so that a file name cannot forge a line or a tag; markup keeps its own."""
    return value if isinstance(value, Markup) else printable(str(value))


def _policy(script: str | None) -> str:
    if script is None:
        return POLICY
    # the page's own script runs by its digest; one that a name brings in has another
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{POLICY}; script-src 'sha256-{digest}'"
