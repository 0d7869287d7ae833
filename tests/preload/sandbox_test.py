#!/usr/bin/python3
"""Programs that enter a sandbox under the library go on, and their numbers are on the page.
Called by: ctest, as sandbox_test.py NOTCHD LIBRARY SANDBOX_PROGRAM.
"""
import os
import re
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

    def traced(self, way, rounds, preload=preload_test_case.LIBRARY):
        """The lines of strace's file, of the program and its children; one for each call."""
        path = os.path.join(self.folder, f"{way}-{rounds}.strace")
        run = self.run_program(["strace", "-f", "-o", path, "-E", f"LD_PRELOAD={preload}", SANDBOX_PROGRAM, way, str(rounds)],
                               {"LD_PRELOAD": ""})
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        with open(path, encoding="utf-8") as file:
            return [line for line in file.read().splitlines() if " resumed>" not in line]

    def test_a_change_of_user_adds_no_system_call_to_the_first(self):
        for mode in (0o3777, 0o700):
            os.chmod(self.agent.directory, mode)
            for way in ("changes", "idle"):
                with self.subTest(way, mode=oct(mode)):
                    bare, counted = ([len(self.traced(way, rounds, preload)) for rounds in (2, 40)]
                                     for preload in ("", preload_test_case.LIBRARY))
                    self.assertGreater(bare[1] - bare[0], 38 * 6)
                    self.assertEqual(counted[1] - counted[0], bare[1] - bare[0])

    def test_memory_takes_the_place_of_an_inherited_segment_in_one_step(self):
        os.chmod(self.agent.directory, 0o700)
        self.assertEqual(self.counted("returned")[0], 4 * ROUNDS)
        replaced, freed = 0, []
        for line in self.traced("returned", 1):
            pid = line.split()[0]
            if call := re.search(r"munmap\((0x\w+), (\d+)\)", line):
                freed.append((pid, int(call[1], 16), int(call[1], 16) + int(call[2])))
            if call := re.search(r"mmap\((0x\w+), (\d+), .*MAP_FIXED\b.*MAP_ANONYMOUS.*MAP_NORESERVE", line):
                replaced += 1
                start, end = int(call[1], 16), int(call[1], 16) + int(call[2])
                self.assertFalse([one for one in freed if one[0] == pid and one[1] < end and start < one[2]], line)
        self.assertGreater(replaced, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
