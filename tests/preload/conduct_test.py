#!/usr/bin/python3
"""What a program may rely on stays as it is under the library: cancellation, errno, signal handlers.
Called by: ctest, as conduct_test.py NOTCHD LIBRARY CANCEL_PROGRAM ERRNO_PROGRAM.
"""
import os
import sys
import unittest

import preload_test_case

CANCEL_PROGRAM, ERRNO_PROGRAM = sys.argv.pop(1), sys.argv.pop(1)


class Conduct(preload_test_case.PreloadTestCase):
    def test_threads_are_cancelled_in_every_blocking_wrapper(self):
        run = self.run_program([CANCEL_PROGRAM, self.folder])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))

    def test_errno_and_handlers(self):
        told = os.path.join(self.folder, "writes")
        run = self.run_program([ERRNO_PROGRAM, told])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        with open(told, encoding="ascii") as file:
            writes = int(file.read())
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_operations_total", operation="write", kind="file"), writes)
        self.assertEqual(self.count(samples, "libc_io_errors_total", error="bad_descriptor"), 200)

    def test_a_program_that_closes_all_descriptors_still_counts(self):
        script = "import os; os.closerange(0, 1000); r, w = os.pipe(); os.write(w, b'x' * 12345)"
        self.assertEqual(self.run_program(["/usr/bin/python3", "-S", "-c", script]).returncode, 0)
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="pipe"), 12345)

    def test_a_program_that_may_not_see_the_directory_any_more_still_counts(self):
        script = ("import os; os.chroot('/proc'); os.chdir('/'); os.setuid(65534); "
                  "r, w = os.pipe(); os.write(w, b'x' * 54321)")
        if os.geteuid() != 0:
            self.skipTest("needs root for chroot")
        self.assertEqual(self.run_program(["/usr/bin/python3", "-S", "-c", script]).returncode, 0)
        self.assertEqual(self.count(self.folded(), "libc_io_bytes_total", operation="write", kind="pipe"), 54321)


if __name__ == "__main__":
    unittest.main(verbosity=2)
