#!/usr/bin/python3
"""The library in a program that is linked with libnotch.so, and beside a second copy of itself.
Called by: ctest, as sharing_test.py NOTCHD LIBRARY LINKED_PROGRAM.
"""
import os
import shutil
import sys
import unittest

import preload_test_case

LINKED_PROGRAM = sys.argv.pop(1)


class Sharing(preload_test_case.PreloadTestCase):
    def test_a_program_with_libnotch_has_one_segment(self):
        directory = os.path.join(self.folder, "alone")
        os.mkdir(directory)
        self.assertEqual(self.run_program([LINKED_PROGRAM], {"NOTCH_DIR": directory}).returncode, 0)
        self.assertEqual(len(os.listdir(directory)), 1)

    def test_both_arrive(self):
        self.assertEqual(self.run_program([LINKED_PROGRAM]).returncode, 0)
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_operations_total", operation="write", kind="file"), 40)
        self.assertEqual(self.count(samples, "libc_io_bytes_total", operation="write", kind="file"), 80)
        self.assertEqual(self.count(self.agent.samples("linked_"), "linked_rounds_total"), 40)

    def test_a_second_copy_is_passive(self):
        copy = os.path.join(self.folder, "another.so")
        shutil.copyfile(preload_test_case.LIBRARY, copy)
        run = self.run_program(["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=10", "count=50"],
                               {"LD_PRELOAD": f"{preload_test_case.LIBRARY}:{copy}"})
        self.assertEqual(run.returncode, 0)
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_operations_total", operation="write", kind="file"), 50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
