"""Templates: escaping, the policy of a page, and its one script."""

import base64
import hashlib
import re

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from deeppap.io import html


@pytest.fixture
def templates(tmp_path, monkeypatch):
    (tmp_path / "io").symlink_to(html.PACKAGE / "io")
    (tmp_path / "page.html").write_text(
        '{% extends "io/templates/base.html" %}{% block body %}<p>{{ name }}</p>{% endblock %}'
    )
    (tmp_path / "card.md").write_text("# {{ name }}\n")
    (tmp_path / "page.js").write_text("let a = 1 < 2;\n")
    monkeypatch.setattr(html, "PACKAGE", tmp_path)
    html._environment.cache_clear()
    yield tmp_path
    html._environment.cache_clear()


def test_values_are_escaped_and_cannot_forge_a_line(templates):
    page = html.render("page.html", title="<b>", name='<img src="x">\n\x1b[2J')
    assert "<title>&lt;b&gt;</title>" in page
    assert r"<p>&lt;img src=&#34;x&#34;&gt;\n\x1b[2J</p>" in page


def test_markup_is_taken_as_it_is(templates):
    assert "<p><i>a</i>\nb</p>" in html.render("page.html", title="", name=Markup("<i>a</i>\nb"))


def test_markdown_is_not_escaped_but_stays_on_its_line(templates):
    assert html.render("card.md", name="a < b\n# c") == "# a < b\\n# c\n"


def test_a_missing_value_is_an_error(templates):
    with pytest.raises(UndefinedError):
        html.render("page.html", title="")


def test_a_page_without_a_script_may_run_none(templates):
    page = html.render("page.html", title="", name="")
    assert "<script" not in page
    assert "script-src" not in page
    assert "default-src &#39;none&#39;" in page


def test_a_page_may_run_its_own_script_alone(templates):
    page = html.render("page.html", script="page.js", title="", name="")
    script = re.search("<script>(.*?)</script>", page, re.DOTALL)[1]
    assert script == "let a = 1 < 2;\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in page


def test_lines_keeps_line_ends_and_escapes_the_rest():
    assert html.lines("a\t<\nb\x00") == Markup("a &lt;\nb\\x00")


def test_a_name_breaks_after_its_marks_and_is_escaped():
    assert html.breakable("a_b.c-<d>\n") == "a_<wbr>b.<wbr>c-<wbr>&lt;d&gt;\\n"
    assert html.shortened("a" * 22) == "a" * 22
    assert html.shortened("slide_a" + "x" * 20 + "_7.png") == "slide_<wbr>axxx…<wbr>xxxx_<wbr>7.<wbr>png"
