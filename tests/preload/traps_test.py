#!/usr/bin/python3
"""The list of traps is complete, and every test that it names is one of ctest's.
Called by: ctest, as traps_test.py CTEST BUILD_FOLDER.
"""
import os
import re
import subprocess
import sys
import unittest

LIST = os.path.join(os.path.dirname(__file__), "../../client/preload/TRAPS.md")
CTEST, BUILD = sys.argv.pop(1), sys.argv.pop(1)
TRAPS = 33


def rows():
    """[(number, what holds it)]"""
    with open(LIST, encoding="utf-8") as file:
        entries = re.findall(r"^(\d+)\. ((?:.|\n(?!\d+\. ))*)", file.read(), re.M)
    return [(int(number), re.sub(r"\s+", " ", text).partition(" Held by ")[2]) for number, text in entries]


class Traps(unittest.TestCase):
    def test_none_is_left_out(self):
        self.assertEqual([number for number, _ in rows()], list(range(1, TRAPS + 1)))

    def test_each_has_its_tests_or_a_reason(self):
        listed = subprocess.run([CTEST, "--test-dir", BUILD, "--show-only"], capture_output=True, text=True, check=True).stdout
        known = set(re.findall(r"Test +#\d+: (\S+)", listed))
        self.assertGreater(len(known), 100)
        for number, holder in rows():
            with self.subTest(trap=number):
                if re.match(r"none: .{10,}", holder):
                    continue
                names = re.findall(r"`([^`]+)`", holder)
                self.assertTrue(names, "neither a test nor a reason")
                self.assertEqual([name for name in names if name not in known], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
