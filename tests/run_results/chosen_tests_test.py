#!/usr/bin/python3
"""What chosen_tests.py makes of a name, in a build folder of its own. Called by: ctest."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
import unittest

import chosen_tests

ENTRIES = """add_test([=[utf8_test]=] "{0}/tests/shm_tests" "--file=utf8_test.cc")
add_test([=[early_test]=] "/usr/bin/python3" "/source/tests/shm/early_test.py" "--notchd" "{0}/bin/notchd" "{0}/lib/libnotch.so")
add_test([=[install_test]=] "/source/outside" "{0}")
add_test([=[outside_test]=] "/source/outside")
set_tests_properties([=[outside_test]=] PROPERTIES  FIXTURES_REQUIRED "installed" LABELS "install")
add_test([=[check]=] "/usr/bin/python3" "check.py")
"""
BUILT = ("tests/shm_tests", "bin/notchd", "lib/libnotch.so")


class ChosenTests(unittest.TestCase):
    def setUp(self):
        if not shutil.which("ninja"):
            print("skipped: chosen_tests_test: there is no ninja")
            self.skipTest("there is no ninja")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = os.path.realpath(folder.name)
        os.makedirs(os.path.join(self.build, "tests/shm"))
        with open(os.path.join(self.build, "tests/shm/CTestTestfile.cmake"), "w", encoding="utf-8") as file:
            file.write(ENTRIES.format(self.build))
        with open(os.path.join(self.build, "build.ninja"), "w", encoding="utf-8") as file:
            file.write("".join(f"build {path}: phony\n" for path in BUILT))

    def chosen(self, *names):
        """Exit code, the entries, the targets."""
        printed, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            code = chosen_tests.main([self.build, *names])
        if code:
            return code, said.getvalue()
        expression, *targets = printed.getvalue().rstrip("\n").split("\n")
        return code, expression, targets

    def test_a_test_by_its_name(self):
        self.assertEqual(self.chosen("utf8_test"), (0, "^(utf8_test)$", ["tests/shm_tests"]))

    def test_a_file_of_tests_and_a_source(self):
        for name in ("tests/shm/utf8_test.cc", "./shm/utf8.cc", "shm/utf8.h", "utf8"):
            self.assertEqual(self.chosen(name)[1], "^(utf8_test)$", name)
        self.assertEqual(self.chosen("early"), (0, "^(early_test)$", ["bin/notchd", "lib/libnotch.so"]))

    def test_a_folder(self):
        for name in ("shm", "tests/shm/", "tests"):
            self.assertEqual(self.chosen(name)[1],
                             "^(check|early_test|install_test|outside_test|utf8_test)$", name)

    def test_where_the_build_folder_is_named_all_is_built(self):
        self.assertEqual(self.chosen("install_test"), (0, "^(install_test)$", ["all"]))

    def test_where_another_test_runs_first_all_is_built(self):
        self.assertEqual(self.chosen("outside_test"), (0, "^(outside_test)$", ["all"]))

    def test_what_needs_nothing_built(self):
        self.assertEqual(self.chosen("check"), (0, "^(check)$", []))

    def test_several_names_are_one_choice(self):
        self.assertEqual(self.chosen("utf8", "check")[1:], ("^(check|utf8_test)$", ["tests/shm_tests"]))

    def test_a_name_of_nothing_is_refused_and_what_is_near_is_named(self):
        code, said = self.chosen("utf9")
        self.assertEqual(code, 2)
        self.assertIn("utf8_test", said)


if __name__ == "__main__":
    sys.exit(unittest.main())
