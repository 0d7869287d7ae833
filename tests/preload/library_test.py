#!/usr/bin/python3
"""libnotch_preload.so and libnotch_preload_tls.so as files: their exports, dependencies and sizes.
Called by: ctest, as library_test.py LIBRARY COMPILER [tls].
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

LIBRARY, COMPILER = sys.argv.pop(1), sys.argv.pop(1)
FOLDER = os.path.join(os.path.dirname(__file__), "../../client/preload")
# The macros that make a row an export, by table.
TABLES = {"wrappers.def": ("NOTCH_WRAPPER(module, result, name, ...)",)}
if sys.argv[1:2] == ["tls"]:
    TABLES["tls/tls_wrappers.def"] = tuple(f"NOTCH_{macro}(result, name, ...)" for macro in ("TLS", "TLS_NEW", "TLS_LIBC"))
    del sys.argv[1]
FLOOR = (2, 17)
# The one that is installed is g++'s; clang's has a page more.
MOST_BYTES = (328 if "clang" in os.path.basename(COMPILER) else 320) * 1024
MOST_TLS_BYTES = 512
MARK = "notch_preload_v1"


def readelf(*flags):
    return subprocess.run(["readelf", "-W", *flags, LIBRARY], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def symbols():
    """(section, binding, name with version) of each dynamic symbol that has a name."""
    for line in readelf("--dyn-syms").splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[0].rstrip(":").isdigit():
            yield fields[6], fields[4], fields[7]


def table_names():
    """The names of the tables' rows, as the preprocessor reads them."""
    source = "".join("".join(f"#define {macro} <<name>>\n" for macro in macros) +
                     f'#include "{os.path.join(FOLDER, table)}"\n' for table, macros in TABLES.items())
    text = subprocess.run([COMPILER, "-E", "-P", "-x", "c++", "-"], input=source,
                          capture_output=True, text=True, check=True).stdout
    return re.findall(r"<<\s*(\w+)\s*>>", text)


# What libc exports beside a wrapped function under one of these names is a variant of it, with its own callers.
VARIANTS = ("{}64", "__{}_chk", "__{}64_chk", "__{}_2", "__{}64_2", "{}64v2")


def libc_exports():
    """The functions libc offers to programs that are linked today."""
    maps = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=True).stdout
    path = re.search(r"libc\.so\.6 => (\S+)", maps).group(1)
    text = subprocess.run(["readelf", "-W", "--dyn-syms", path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\sFUNC\s+(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+\s+(\w+)@@", text))


class Library(unittest.TestCase):
    def test_every_variant_of_a_wrapped_function_is_wrapped(self):
        names, offered = set(table_names()), libc_exports()
        self.assertGreater(len(names & offered), 80)
        missing = sorted(variant for name in names for variant in (form.format(name) for form in VARIANTS)
                         if variant in offered and variant not in names)
        self.assertEqual(missing, [])

    def test_it_exports_the_wrappers_of_the_table_and_nothing_else(self):
        names = table_names()
        self.assertGreater(len(names), 50)
        self.assertEqual(len(names), len(set(names)))
        exported = sorted(name for section, _, name in symbols() if section != "UND")
        self.assertEqual(exported, sorted([*names, MARK]))

    def test_it_needs_libc_and_nothing_else(self):
        needed = re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", readelf("-d"))
        self.assertIn("libc.so.6", needed)
        self.assertLessEqual(set(needed), {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})

    def test_it_needs_no_newer_libc_than_the_floor(self):
        versions = re.findall(r"Name: GLIBC_([\d.]+)", readelf("-V").split("needs section")[1])
        self.assertTrue(versions)
        for version in versions:
            self.assertLessEqual(tuple(int(part) for part in version.split(".")), FLOOR, version)
        for section, binding, name in symbols():
            if section == "UND" and "@" not in name:
                self.assertEqual(binding, "WEAK", name)

    def test_what_another_libc_lacks_is_asked_for_weakly(self):
        for section, binding, name in symbols():
            if section == "UND" and name.startswith("__") and not name.startswith(("__errno_location", "__h_errno_location")):
                self.assertTrue(binding == "WEAK" or name.startswith("__progname@"), name)
        others = glob.glob("/usr/lib/*-linux-musl/libc.so")
        if not others:
            self.skipTest("musl-tools is not installed")
        table = subprocess.run(["readelf", "-W", "--dyn-syms", others[0]], capture_output=True, text=True, check=True).stdout
        offered = set(re.findall(r"\sDEFAULT\s+\d+\s+(\w+)", table))
        lacking = [name for section, binding, name in symbols()
                   if section == "UND" and binding != "WEAK" and name.split("@")[0] not in offered]
        self.assertEqual(lacking, [])

    def test_it_is_bound_at_start_never_unloaded_and_without_an_executable_stack(self):
        dynamic = readelf("-d")
        self.assertRegex(dynamic, r"\(FLAGS\)\s.*BIND_NOW")
        self.assertRegex(dynamic, r"\(FLAGS_1\)\s+Flags: .*NOW.*NODELETE")
        self.assertNotIn("TEXTREL", dynamic)
        stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\w+)", readelf("-l"))
        self.assertEqual(stack.group(1), "RW")

    def test_its_thread_local_memory_is_small_and_of_the_initial_kind(self):
        size = re.search(r"\bTLS\s+0x\w+\s+0x\w+\s+0x\w+\s+0x\w+\s+0x(\w+)", readelf("-l"))
        self.assertLess(int(size.group(1), 16), MOST_TLS_BYTES)
        self.assertRegex(readelf("-d"), r"\(FLAGS\)\s.*STATIC_TLS")

    def test_it_is_small(self):
        with tempfile.TemporaryDirectory() as folder:
            stripped = os.path.join(folder, "stripped.so")
            subprocess.run(["strip", "-o", stripped, LIBRARY], check=True)
            self.assertLess(os.path.getsize(stripped), MOST_BYTES)


if __name__ == "__main__":
    unittest.main(verbosity=2)
