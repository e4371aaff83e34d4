#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/floors and tools/simple against a small good tree and what each rule is there to find."""
import pathlib
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"

GOOD = {
    "MODULES": "base low -\nos out base/*\nwire lang base/low\nengine mid base/* os/out wire/lang\nrole part engine/mid\nprog run *\n",
    "src/base/low.h": "int low_one(void);\n",
    "src/base/low/low.c": '#include "base/low.h"\nint low_one(void)\n{\n\treturn 1;\n}\n',
    "src/base/low/low_priv.h": "#define LOW 1\n",
    "src/os/out.h": "int out_two(void);\n",
    "src/os/out/out.c": '#include "os/out.h"\n#include "base/low.h"\nint out_two(void)\n{\n\treturn low_one() + 1;\n}\n',
    "src/wire/lang.h": "int lang_three(void);\n",
    "src/wire/lang/lang.c": '#include "wire/lang.h"\nstatic const char *const words[] = { "a", "b" };\n'
                            "int lang_three(void)\n{\n\treturn words[0][0];\n}\n",
    "src/engine/mid.h": '#include "os/out.h"\n',
    "src/engine/mid/mid.c": '#include "engine/mid.h"\nint mid(void);\nint mid(void)\n{\n\treturn out_two();\n}\n',
    "src/role/part.h": "extern int part_count;\n",
    "src/role/part/part.c": '#include "role/part.h"\nint part_count;\n',
    "src/prog/run/run.c": '#include "role/part.h"\nint main(void)\n{\n\treturn part_count;\n}\n',
}


class Tree(unittest.TestCase):
    def run_tool(self, tool, changes):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**GOOD, **changes}.items():
                if text is None:
                    continue
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(LICENCE + text if name.startswith("src") and "bare" not in name else text)
            if tool == "floors":
                self.compile(root)
            done = subprocess.run([TOOLS / tool, "--root", root], capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    @staticmethod
    def compile(root):
        out = root / "build" / "libx.a.p"
        out.mkdir(parents=True)
        for source in sorted((root / "src").rglob("*.c")):
            name = str(source.relative_to(root)).replace("/", "_") + ".o"
            subprocess.run(["cc", "-fPIC", "-I", root / "src", "-c", source, "-o", out / name], capture_output=True)

    def finds(self, tool, changes, words, count=1):
        status, text = self.run_tool(tool, changes)
        self.assertEqual(status, 1, text)
        self.assertIn(words, text)
        self.assertEqual(text.count("remedy:"), count, text)


class Floors(Tree):
    def test_good_tree(self):
        self.assertEqual(self.run_tool("floors", {}), (0, "floors: 6 modules, 0 findings\n"))

    def test_undeclared_arrow(self):
        self.finds("floors", {"MODULES": GOOD["MODULES"].replace("base/* os/out wire/lang", "wire/lang")},
                   "engine/mid may not use os/out by its row", 2)  # the #include and the symbol

    def test_arrow_by_symbol_alone(self):
        self.finds("floors", {"src/wire/lang/more.c": "int mid(void);\nint lang_more(void);\nint lang_more(void)\n{\n\treturn mid();\n}\n"},
                   "uses mid of engine/mid: engine/mid lies above wire/lang")

    def test_arrow_up(self):
        self.finds("floors", {"src/base/low/up.c": '#include "engine/mid.h"\n'}, "src/base/low/up.c:2: engine/mid lies above base/low")

    def test_wings(self):
        self.finds("floors", {"src/wire/lang/see.c": '#include "os/out.h"\n'}, "wings of one floor")

    def test_row_up(self):
        self.finds("floors", {"MODULES": GOOD["MODULES"].replace("base low -", "base low os/out")}, "os/out lies above base/low", 2)

    def test_circle(self):
        self.finds("floors", {"MODULES": "base low base/more\nbase more base/low\n" + GOOD["MODULES"].split("\n", 1)[1], "src/base/more.h": ""},
                   "a circle: base/low -> base/more -> base/low")

    def test_private_header(self):
        self.finds("floors", {"src/os/out/peek.c": '#include "base/low/low_priv.h"\n'}, "is private to base/low")

    def test_include_without_floor(self):
        self.finds("floors", {"src/base/low/near.c": '#include "low_priv.h"\n'}, "does not say where the header is")

    def test_unlisted_folder(self):
        self.finds("floors", {"src/base/stray/stray.h": "\n"}, "src/base/stray: the folder is not listed", 2)

    def test_unbuilt_module(self):
        self.finds("floors", {"MODULES": GOOD["MODULES"] + "os air base/*\n"}, "os/air is listed, but")

    def test_unlisted_name(self):
        self.finds("floors", {"MODULES": GOOD["MODULES"].replace("prog run *", "prog run * base/air")}, "base/air, which is not listed")

    def test_mutable_state(self):
        for line in ("int count;", "static int count = 3;", "int *f(void);\nint *f(void)\n{\n\tstatic int count;\n\treturn &count;\n}"):
            text = line + "\nint *g(void);\nint *g(void)\n{\n\treturn 0;\n}\n"
            if "static int count =" in line:
                text = text.replace("return 0", "return &count")
            self.finds("floors", {"src/wire/lang/count.c": text}, "is mutable state at file scope")

    def test_excused_state(self):
        state = {"src/wire/lang/count.c": "int count;\n", "MODULES": GOOD["MODULES"] + "state wire/lang count counts what nobody owns\n"}
        self.assertEqual(self.run_tool("floors", state)[0], 0)
        self.finds("floors", {"MODULES": state["MODULES"]}, "wire/lang has no mutable count any more")
        self.finds("floors", {"MODULES": GOOD["MODULES"] + "state wire/lang count\n"}, "needs a module, a symbol and a reason")


class Simple(Tree):
    def test_good_tree(self):
        status, text = self.run_tool("simple", {})
        self.assertEqual(status, 0, text)

    def test_banned_call(self):
        self.finds("simple", {"src/base/low/bad.c": "void f(char *p)\n{\n\tstrcpy(p, p);\n}\n"}, "src/base/low/bad.c:4: strcpy is not called here")

    def test_words_in_comments(self):
        status, text = self.run_tool("simple", {"src/base/low/ok.c": '/* strcpy(a) */\nconst char *s = "gets(b)";\nint y = x->rand(1);\n'})
        self.assertEqual(status, 0, text)

    def test_licence(self):
        self.finds("simple", {"src/base/low/bare.c": "\n"}, "no licence line")

    def test_long_function(self):
        body = "int f(void)\n{\n" + "\t;\n" * 101 + "}\n"
        self.finds("simple", {"src/base/low/long.c": body}, "a function of 101 lines")
        self.assertEqual(self.run_tool("simple", {"src/base/low/long.c": body.replace("\t;\n", "", 1)})[0], 0)

    def test_long_file(self):
        self.finds("simple", {"src/base/low/long.c": "\n" * 1000}, "1001 lines")

    def test_names(self):
        self.finds("simple", {"src/base/low/str_util.c": "\n"}, "the name says nothing")
        self.finds("simple", {"src/base/low/x.c": "struct low_manager {\n\tint a;\n};\n"}, "low_manager is named for its position")

    def test_unfinished(self):
        self.finds("simple", {"src/base/low/x.c": "/* TO" "DO: more */\n"}, "a note of unfinished work")


if __name__ == "__main__":
    unittest.main()
