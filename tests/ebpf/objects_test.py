#!/usr/bin/python3
"""The committed objects of the kernel's programs against their sources: compiled anew, they are the same bytes.
Called by: ctest, as objects_test.py SOURCE_DIR.

Exit: 77 where there is no clang-14, llvm-strip-14 or libbpf-dev; another compiler's output would differ.
"""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import scratch  # noqa: E402  (found through the line above)

ROOT = sys.argv.pop(1)
EBPF = os.path.join(ROOT, "ebpf")
BENCH = os.path.join(ROOT, "bench")
SOURCE, OBJECT = ".bpf.c", ".bpf.o"


def names(folder, suffix):
    return sorted(name[:-len(suffix)] for name in os.listdir(folder) if name.endswith(suffix))


def pairs():
    """Each source, from the top folder, and its object."""
    for name in names(EBPF, SOURCE):
        yield f"ebpf/{name}{SOURCE}", os.path.join(EBPF, "objects", name + OBJECT)
    for name in names(BENCH, SOURCE):
        yield f"bench/{name}{SOURCE}", os.path.join(BENCH, name + OBJECT)


class Objects(unittest.TestCase):
    def test_each_is_what_its_source_compiles_to(self):
        folder = scratch.folder_of(self)
        self.assertEqual(names(EBPF, SOURCE), names(os.path.join(EBPF, "objects"), OBJECT))
        self.assertEqual(names(BENCH, SOURCE), names(BENCH, OBJECT))
        for source, committed in pairs():
            with self.subTest(source=source):
                made = os.path.join(folder, os.path.basename(source))
                subprocess.run([os.path.join(EBPF, "compile_object"), source, made], check=True, timeout=60)
                with open(made, "rb") as new, open(committed, "rb") as old:
                    self.assertEqual(new.read() == old.read(), True,
                                     f"{source} has changed: cmake --build ... --target ebpf_objects")

    def test_they_say_nothing_of_where_they_were_compiled(self):
        for _, committed in pairs():
            with open(committed, "rb") as file:
                self.assertNotIn(ROOT.encode(), file.read(), committed)


if __name__ == "__main__":
    for needed in ("clang-14", "llvm-strip-14"):
        if shutil.which(needed) is None:
            print(f"skipped: ebpf_objects_test: {needed} is not installed")
            sys.exit(77)
    if not os.path.exists("/usr/include/bpf/bpf_helpers.h"):
        print("skipped: ebpf_objects_test: libbpf-dev is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
