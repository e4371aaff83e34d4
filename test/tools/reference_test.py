#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/reference: how it reads rows and syntax lines, and that it notices a page that is not as the rows say."""
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = """/* SPDX-License-Identifier: Apache-2.0 */
/* what it is about, in a sentence */
#define ENDINGS \\
	"a|" \\
	"b"
/* first, (really) first */
ROW(ONE, "with \\"quotes\\", a comma and /* no comment */", ENDINGS)
ROW(TWO, "two " /* a comment, ignored */
	"parts", .most = 3)

/* ---- second ---- */
OTHER(THREE)
#undef ENDINGS
"""


def reference():
    """The tool as a module: it has no suffix, and runs only when it is the program."""
    loader = importlib.machinery.SourceFileLoader("reference", str(ROOT / "tools/reference"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reference", loader))
    loader.exec_module(module)
    return module


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = reference()

    def test_rows_with_strings_comments_and_macros(self):
        with tempfile.NamedTemporaryFile("w", suffix=".def") as f:
            f.write(TABLE)
            f.flush()
            rows = list(self.tool.rows_of(f.name))
            self.assertEqual(self.tool.title_of(f.name), "what it is about, in a sentence")
        self.assertEqual(rows, [
            ("ROW", ["ONE", 'with "quotes", a comma and /* no comment */', "a|b"], "first, (really) first"),
            ("ROW", ["TWO", "two parts", ".most = 3"], "first, (really) first"),
            ("OTHER", ["THREE"], "second")])

    def test_parameters_of_a_syntax_line(self):
        line = "[[-Identity] <text>] [-SipAddress] <text> -Target <identity> [-Enabled $true|$false] [-WhatIf]"
        self.assertEqual(self.tool.split_params(line),
                         ["[[-Identity] <text>]", "[-SipAddress] <text>", "-Target <identity>", "[-Enabled $true|$false]", "[-WhatIf]"])

    def test_every_row_of_the_source_is_read(self):
        kinds = [k for f in self.tool.families() for k in f.kinds]
        properties = [p for k in kinds for p in k.props]
        source = "".join(p.read_text() for p in (ROOT / "src/model/schema").glob("*.def"))
        self.assertEqual(len(kinds), source.count("\nKIND("))
        self.assertEqual(len(properties), source.count("\nPROP("))
        self.assertTrue(all(p.type in self.tool.TYPES or p.type in ("REF", "LIST", "OBJECT", "OBJECTS") for p in properties))


class Check(unittest.TestCase):
    def test_a_changed_page_is_noticed(self):
        page = ROOT / "docs/ref/errors.md"
        text = page.read_text()
        try:
            page.write_text(text.replace("| NO_MEMORY |", "| MEMORY |"))
            run = subprocess.run([ROOT / "tools/reference", "--check"], capture_output=True, text=True)
        finally:
            page.write_text(text)
        self.assertEqual(run.returncode, 1)
        self.assertIn("-| MEMORY |", run.stdout)
        self.assertIn("remedy:", run.stdout)


class Links(unittest.TestCase):
    def test_links_between_pages_lead_somewhere(self):
        tool, anchors = reference(), {}
        for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
            anchors[page] = {tool.anchor(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}
        for page in anchors:
            for link in re.findall(r"\]\((?!http)([^)\s]+)\)", page.read_text()):
                path, _, anchor = link.partition("#")
                to = (page.parent / path).resolve() if path else page
                with self.subTest(page=page, link=link):
                    self.assertTrue(to.exists())
                    self.assertTrue(not anchor or anchor in anchors[to])


if __name__ == "__main__":
    unittest.main()
