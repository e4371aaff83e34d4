# SPDX-License-Identifier: Apache-2.0
"""The report as a page: whole, without anything fetched or run, also when names in certificates are hostile; looked at by a real browser."""
import html.parser
import re
import subprocess

import pytest

from authority import Mint
from deployment import BUILD
from test_check import WHOLE, row_of

HOSTILE = ["<script>document.title='taken'</script>", "\"onmouseover=\"document.title='taken'", "</td><img src=x onerror=document.title='taken'>", "&lt;b&gt;", "\x1b[31mred", "\x9b31mred", "a\u202eb", "'><svg onload=document.title='taken'>"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    top = tmp_path_factory.mktemp("page")
    where = top / "certificates"
    where.mkdir()
    mint = Mint()
    mint.write(where, "edge01.internal.ad AccessEdgeExternal", {**row_of({"base": "edge"}), "san": row_of({"base": "edge"})["san"] + HOSTILE})
    mint.write(where, "fe01.internal.ad Default", {**row_of({"base": "fe01"}), "cn": HOSTILE[0][:64]})
    mint.write(where, "se01.internal.ad Default", row_of({"base": "se01"}))
    inside, outside = mint.write_roots(top)
    out = top / "report.html"
    done = subprocess.run([str(BUILD / "witan"), "check", "certificates", str(where), "--topology", str(WHOLE), "--ca", inside, "--public-ca", outside, "--format", "html", "--out", str(out)],
                          capture_output=True, text=True, timeout=60)
    mint.close()
    assert done.returncode == 1, done.stderr
    return out


def chromium(page, top, *words):
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={top}/browser", *words, f"file://{page}"],
                          capture_output=True, timeout=120)
    return done.stdout.decode()


class Outline(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.ids, self.links, self.attributes, self.heads = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.links.append(value)
            if name == "aria-labelledby":
                self.links.append("#" + value)
        if tag == "th":
            self.heads.append(dict(attrs).get("scope"))


def test_page_stands_alone(page):
    text = page.read_text()
    outline = Outline()
    outline.feed(text)
    assert text.startswith("<!DOCTYPE html>\n<html lang=\"en\">") and "default-src 'none'" in text
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(outline.tags)
    assert not [a for a in outline.attributes if a.startswith("on")]
    assert all(link.startswith("#") and link[1:] in outline.ids for link in outline.links)
    assert len(outline.ids) == len(set(outline.ids))
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)", text)


def test_page_is_for_everybody(page):
    outline = Outline()
    outline.feed(page.read_text())
    assert outline.tags.count("h1") == 1 and {"header", "nav", "main", "footer", "section", "caption", "thead", "svg"} <= set(outline.tags)
    assert set(outline.heads) == {"col", "row"}
    assert outline.tags.count("caption") == outline.tags.count("table")
    for word in ("error", "warning"):  # said in words, not by a colour alone
        assert f'class="{word}">{word}</th>' in page.read_text()


def colours(text):
    """Text colours against white, by the formula of WCAG."""
    def light(hexa):
        hexa = "".join(c * 2 for c in hexa) if len(hexa) == 3 else hexa
        parts = [int(hexa[i:i + 2], 16) / 255 for i in (0, 2, 4)]
        r, g, b = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    return {c: (1.05 / (light(c) + 0.05)) for c in re.findall(r"(?<![-\w])color:#([0-9a-f]{3,6})", text)}


def test_contrast(page):
    found = colours(page.read_text())
    assert len(found) >= 4 and all(ratio >= 7 for ratio in found.values()), found


def test_browser_runs_nothing_of_it(page, tmp_path):
    dom = chromium(page, tmp_path, "--dump-dom")
    outline = Outline()
    outline.feed(dom)
    assert "<title>Certificates of the deployment</title>" in dom and "script" not in outline.tags and "img" not in outline.tags
    assert "&lt;script&gt;document.title" in dom and not {"\x1b", "\x9b", "\u202e"} & set(dom)
    # the test can fail: the same without escaping does run
    naked = tmp_path / "naked.html"
    naked.write_text(f"<title>x</title>{HOSTILE[0]}")
    assert "<title>taken</title>" in chromium(naked, tmp_path, "--dump-dom")


def test_browser_draws_it(page, tmp_path):
    picture = tmp_path / "page.png"
    chromium(page, tmp_path, "--window-size=1400,2000", f"--screenshot={picture}")
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) > 50000
    assert "edgepool.internal.ad" in page.read_text() and page.read_text().count("<rect") >= 8 and page.read_text().count("marker-end") >= 10
