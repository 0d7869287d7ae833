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


def names(folder):
    return sorted(name[:-len(suffix)] for name in os.listdir(folder) for suffix in (".bpf.c", ".bpf.o")
                  if name.endswith(suffix))


class Objects(unittest.TestCase):
    def test_each_is_what_its_source_compiles_to(self):
        folder = scratch.folder_of(self)
        self.assertEqual(names(EBPF), names(os.path.join(EBPF, "objects")))
        for name in names(EBPF):
            with self.subTest(name=name):
                made = os.path.join(folder, name)
                subprocess.run([os.path.join(EBPF, "compile_object"), name, made], check=True, timeout=60)
                with open(made, "rb") as new, open(os.path.join(EBPF, "objects", name + ".bpf.o"), "rb") as old:
                    self.assertEqual(new.read() == old.read(), True,
                                     f"{name}.bpf.c has changed: cmake --build ... --target ebpf_objects")

    def test_they_say_nothing_of_where_they_were_compiled(self):
        for name in names(EBPF):
            with open(os.path.join(EBPF, "objects", name + ".bpf.o"), "rb") as file:
                self.assertNotIn(ROOT.encode(), file.read(), name)


if __name__ == "__main__":
    for needed in ("clang-14", "llvm-strip-14"):
        if shutil.which(needed) is None:
            print(f"skipped: ebpf_objects_test: {needed} is not installed")
            sys.exit(77)
    if not os.path.exists("/usr/include/bpf/bpf_helpers.h"):
        print("skipped: ebpf_objects_test: libbpf-dev is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
