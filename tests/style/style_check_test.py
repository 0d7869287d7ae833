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


if __name__ == "__main__":
    sys.exit(unittest.main())
