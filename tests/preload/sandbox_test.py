#!/usr/bin/python3
"""Programs that enter a sandbox under the library: they live, and their numbers arrive.
Called by: ctest, as sandbox_test.py NOTCHD LIBRARY SANDBOX_PROGRAM.
"""
import os
import sys
import unittest

import preload_test_case

SANDBOX_PROGRAM = sys.argv.pop(1)
ROUNDS = 20_000


class SandboxCase(preload_test_case.PreloadTestCase):
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


class Sandbox(SandboxCase):
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

    def test_a_child_of_a_sandbox_counts_in_its_parents_segment(self):
        for way in ("orphan", "demoted"):
            with self.subTest(way=way):
                self.setUp()
                operations, _ = self.counted(way)
                self.assertEqual(operations, 4 * ROUNDS)


@unittest.skipIf(os.geteuid() != 0, "only root leaves its root")
class Directory(SandboxCase):
    """What takes the directory of segments out of reach; each way on a child that has counted nothing before."""

    def of_child(self, way):
        run = self.run_program([SANDBOX_PROGRAM, way, str(ROUNDS), self.agent.directory])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        return self.count(self.folded(), "libc_io_operations_total", kind="pipe")

    def test_another_root(self):
        for nth, way in enumerate(("root", "raw"), 1):
            with self.subTest(way):
                self.assertEqual(self.of_child(way), nth * 2 * ROUNDS)

    def test_a_mount_over_the_directory(self):
        self.assertEqual(self.of_child("mounts"), 2 * ROUNDS)

    def test_another_user_where_the_directory_is_closed(self):
        os.chmod(self.agent.directory, 0o700)
        self.assertEqual(self.of_child("user"), 2 * ROUNDS)

    def test_children_of_one_that_has_left_its_root(self):
        self.assertEqual(self.counted("heirs")[0], 6 * ROUNDS)

    def test_children_behind_a_landlock_ruleset(self):
        self.assertEqual(self.counted("ruleset")[0], 4 * ROUNDS)

    def test_no_gauge_is_left_by_such_a_child(self):
        self.assertEqual(self.counted("heir")[0], 4 * ROUNDS)
        samples = self.agent.samples()
        self.assertEqual(self.count(samples, "libc_net_connects_total"), 1)
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)
        self.assertEqual(self.count(samples, "notch_agent_client_dropped_total", reason="inherited_gauge"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
