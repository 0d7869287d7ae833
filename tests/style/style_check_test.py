#!/usr/bin/python3
"""Each tool must refuse a bad file and take a good one. Called by: ctest."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = os.path.join(HERE, "style_check.py")
ROOT = os.path.dirname(os.path.dirname(HERE))


class StyleCheck(unittest.TestCase):
    def exit_code(self, kind, name, text):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(os.path.join(ROOT, ".clang-format"), folder)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
            run = subprocess.run([sys.executable, "-B", CHECK, kind, "--root", folder],
                                 capture_output=True, text=True, check=False)
        if run.returncode == 77:
            print(run.stdout.strip())  # unittest prints no reason that ctest would find
            self.skipTest(run.stdout.strip())
        return run.returncode

    def test_formatted_code_passes(self):
        self.assertEqual(self.exit_code("format", "a.cc", "int f();\n"), 0)

    def test_unformatted_code_fails(self):
        self.assertEqual(self.exit_code("format", "a.cc", "int  f( ){return 1 ;}\n"), 1)

    def test_sound_script_passes(self):
        self.assertEqual(self.exit_code("shell", "a", "#!/bin/bash\necho \"$1\"\n"), 0)

    def test_unsound_script_fails(self):
        self.assertEqual(self.exit_code("shell", "a", "#!/bin/bash\nrm $1\n"), 1)

    def test_sound_yaml_passes(self):
        self.assertEqual(self.exit_code("yaml", "a.yml", "a: [1, 2]\n"), 0)

    def test_unsound_yaml_fails(self):
        self.assertEqual(self.exit_code("yaml", "a.yml", "a: 1\na: 2\n"), 1)

    def test_no_file_fails(self):
        self.assertEqual(self.exit_code("shell", "a.cc", "int f() { return 1; }\n"), 1)

    def test_since_a_commit_only_what_changed_is_checked(self):
        with tempfile.TemporaryDirectory() as folder:
            def git(*words):
                subprocess.run(["git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e@f", *words],
                               check=True, capture_output=True)

            def scripts_since_then():
                run = subprocess.run([sys.executable, "-B", CHECK, "shell", "--root", folder, "--since", "first"],
                                     capture_output=True, text=True, check=False)
                if run.returncode == 77:
                    self.skipTest(run.stdout.strip())
                return run.returncode, run.stdout

            def write(name):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write("#!/bin/bash\nrm $1\n")

            git("init")
            write("older")
            git("add", ".")
            git("commit", "-m", "m")
            git("tag", "first")
            self.assertEqual(scripts_since_then(), (0, ""))
            write("committed")
            git("add", ".")
            git("commit", "-m", "m")
            write("unknown")
            code, said = scripts_since_then()
            self.assertEqual(code, 1)
            self.assertIn("In committed line", said)
            self.assertIn("In unknown line", said)
            self.assertNotIn("older", said)


if __name__ == "__main__":
    sys.exit(unittest.main())
