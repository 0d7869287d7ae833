#!/usr/bin/python3
"""What libnotch.so asks of a program that loads it: libc alone, no names but its own, little space.

Called by: ctest, with the library's path. Exit: 77 for a library built with a sanitizer, whose run
time it needs.
"""

import os
import re
import subprocess
import sys
import unittest

LIBRARY = sys.argv.pop(1)
MAX_BYTES = 300 * 1024
CALLS = os.path.join(os.path.dirname(__file__), "../../client/preload/abi_calls.def")


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, LIBRARY], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def needed():
    return re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic"))


def exports():
    """(type, name with version) of each name that it defines for others."""
    for line in readelf("--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6] not in ("UND", "ABS"):
            yield fields[3], fields[7]


class SharedLibrary(unittest.TestCase):
    def test_needs_the_c_library_alone(self):
        self.assertEqual(needed(), ["libc.so.6"])

    def test_exports_its_own_names_alone(self):
        exported = [name for _, name in exports()]
        self.assertGreater(len(exported), 20)
        self.assertEqual([name for name in exported if not re.match(r"notch_\w+@@NOTCH_1$", name)], [])

    def test_the_calls_of_the_abi_are_those_that_the_preloaded_library_passes_on(self):
        with open(CALLS, encoding="utf-8") as file:
            listed = re.findall(r"^NOTCH_CALL\((\w+)\)$", file.read(), re.M)
        self.assertEqual(sorted(listed), sorted(
            name.split("@")[0].removeprefix("notch_v1_") for kind, name in exports()
            if kind == "FUNC" and name.startswith("notch_v1_")))

    def test_is_small_without_its_debug_sections(self):
        loaded = sum(int(size, 16) for size in
                     re.findall(r"^\s+LOAD\s+\S+\s+\S+\s+\S+\s+(0x\w+)", readelf("--segments"), re.M))
        self.assertGreater(loaded, 0)
        self.assertLess(loaded, MAX_BYTES)

    def test_asks_for_no_executable_stack(self):
        stack = re.search(r"GNU_STACK.*", readelf("--segments")).group()
        self.assertNotIn("E", stack.split()[-2])


if __name__ == "__main__":
    # GCC links the run time to the library, clang to the program.
    if re.search(r"__([at]|ub)san_", readelf("--dyn-syms")):
        print(f"skipped: {os.path.basename(__file__)}: built with a sanitizer, whose run time it needs")
        sys.exit(77)
    unittest.main()
