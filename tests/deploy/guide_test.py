#!/usr/bin/python3
"""Every file and test that deploy/GUIDE.md names exists, and it has every panel and alert of the guide. Called by: ctest."""

import glob
import os
import re
import unittest

import dashboard_schema_test
import monitoring_files_test

ROOT = os.path.realpath(os.path.join(monitoring_files_test.DEPLOY, ".."))
DOCUMENT = os.path.join(ROOT, "deploy", "GUIDE.md")
ROW = re.compile(r"- \*\*(?P<asked>[^*\n]+)\*\*\n  `(?P<file>[^`\n]+)`; `(?P<program>\w+)`: `(?P<test>\w+)`")


def source_of(program):
    """The text of a test program that CMake knows by this name; empty if there is none."""
    for path in glob.glob(os.path.join(ROOT, "tests", "**", program + ".*"), recursive=True):
        for lists in (os.path.join(os.path.dirname(path), "CMakeLists.txt"), os.path.join(ROOT, "tests", "CMakeLists.txt")):
            if os.path.exists(lists) and re.search(rf"\b{program.removesuffix('_test')}", monitoring_files_test.read(lists)):
                return monitoring_files_test.read(path)
    return ""


class Guide(unittest.TestCase):
    def setUp(self):
        self.rows = [row.rstrip() for row in re.findall(r"^- .*\n(?:  .*\n)*", monitoring_files_test.read(DOCUMENT), re.MULTILINE)]
        self.read = [ROW.fullmatch(row) for row in self.rows]

    def test_every_row_has_a_file_and_a_test(self):
        self.assertEqual([row for row, match in zip(self.rows, self.read) if not match], [])
        self.assertGreater(len(self.rows), 40)

    def test_every_file_is_there(self):
        self.assertEqual([match["file"] for match in self.read if not os.path.isfile(os.path.join(ROOT, match["file"]))], [])

    def test_every_test_is_there(self):
        missing = [f'{match["program"]}: {match["test"]}' for match in self.read
                   if not re.search(rf"(?:def {match['test']}\(|\bTEST\w*\(\w+, {match['test']}\))", source_of(match["program"]))]
        self.assertEqual(missing, [])

    def test_every_panel_and_alert_of_the_guide_is_here(self):
        asked = "\n".join(match["asked"] for match in self.read)
        titles = [title for title, *_ in dashboard_schema_test.GUIDE]
        for name in (*titles, *monitoring_files_test.GUIDE, *monitoring_files_test.THRESHOLDS):
            self.assertIn(name, asked)


if __name__ == "__main__":
    unittest.main()
