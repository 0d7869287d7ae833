#!/usr/bin/python3
"""Programs that enter a sandbox under the library: they live, and their numbers arrive.
Called by: ctest, as sandbox_test.py NOTCHD LIBRARY SANDBOX_PROGRAM.
"""
import sys
import unittest

import preload_test_case

SANDBOX_PROGRAM = sys.argv.pop(1)
ROUNDS = 20_000


class Sandbox(preload_test_case.PreloadTestCase):
    def counted(self, way):
        """Runs that way; gives how many operations on pipes arrived, and how many had a duration."""
        bare = self.run_program([SANDBOX_PROGRAM, way, str(ROUNDS)], {"LD_PRELOAD": ""})
        self.assertEqual(bare.returncode, 0, "without the library")
        run = self.run_program([SANDBOX_PROGRAM, way, str(ROUNDS)])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        samples = self.folded()
        self.assertEqual(self.count(samples, "libc_io_bytes_total", kind="pipe"),
                         self.count(samples, "libc_io_operations_total", kind="pipe"))
        return (self.count(samples, "libc_io_operations_total", kind="pipe"),
                self.count(samples, "libc_io_duration_seconds_count", kind="pipe"))

    def test_a_filter_by_prctl(self):
        operations, timed = self.counted("prctl")
        self.assertEqual(operations, 2 * ROUNDS)
        self.assertGreater(timed, ROUNDS / 40)

    def test_a_filter_by_syscall(self):
        operations, timed = self.counted("syscall")
        self.assertEqual(operations, 2 * ROUNDS)
        self.assertGreater(timed, ROUNDS / 40)

    def test_strict_mode_counts_without_a_clock(self):
        self.assertEqual(self.counted("strict"), (2 * ROUNDS, 0))

    def test_a_forbidden_counter_counts_without_a_clock(self):
        self.assertEqual(self.counted("counter"), (2 * ROUNDS, 0))

    def test_a_child_has_its_segment_before_its_filter(self):
        operations, _ = self.counted("child")
        self.assertEqual(operations, 2 * ROUNDS)

    def test_a_child_of_a_sandbox_lives_and_is_not_counted(self):
        operations, _ = self.counted("orphan")
        self.assertEqual(operations, 2 * ROUNDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
