#!/usr/bin/python3
"""The table of other kernels: its rows are made of what the checks say, and the one in tests/README.md has their form.
Called by: ctest.
"""
import os
import sys
import unittest

sys.argv[1:] = ["/build", "/results", "1200", ""]  # of checks, which runs nothing when it is imported

import checks  # noqa: E402  (reads the line above)
import table  # noqa: E402

del sys.argv[1:]
README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "README.md")
SAID = ["kernel\tpassed\t6.1.0-50+deb12-cloud-amd64, 2 processors, clock source hpet", "counting_mode\tpassed\tby processor",
        "probes\tpassed\tall 8", "jobs\tpassed\t4000 of 4000 counted", "http_times\tpassed\t100 timed coarsely",
        "threads\tpassed\t900 signals, 800 moves", "forks\tpassed\t470", "storm\tpassed\t20 + 3 killed"]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


class Table(unittest.TestCase):
    def test_a_row_has_what_the_checks_said(self):
        self.assertEqual(cells(table.row(SAID, 330)), [
            "6.1.0-50", "hpet", "by processor", "all 8", "100 timed coarsely", "900 signals, 800 moves", "470",
            "20 + 3 killed", "8 of 8", "6"])

    def test_what_failed_is_named_and_nothing_is_said_of_it(self):
        said = SAID[:-1] + ["storm\tFAILED\tslot 3: 7 counted, 8 done", "t\tskipped\t0 s", "boot\tFAILED\tno end"]
        self.assertEqual(cells(table.row(said, 60))[-3:], ["", "7 of 9: not storm, boot", "1"])

    def test_a_kernel_that_never_spoke_has_a_row(self):
        self.assertEqual(cells(table.row(["boot\tFAILED\tqemu: exit code 1"], 2))[-2:], ["0 of 1: not boot", "0"])

    def test_every_check_of_a_column_is_made(self):
        made = {table.KERNEL, "counting_mode", *checks.OF_A_PAGE, *(body.__name__ for body in checks.OF_PROGRAMS)}
        self.assertLessEqual({name for _, name in table.CHECKS}, made)

    def test_the_readmes_table_is_of_this_form(self):
        with open(README, encoding="utf-8") as file:
            lines = file.read().splitlines()
        begin = lines.index(table.head()[0])
        self.assertEqual(lines[begin + 1], table.head()[1])
        rows = lines[begin + 2:lines.index("", begin)]
        self.assertGreaterEqual(len(rows), 4)
        for row in rows:
            self.assertEqual(len(cells(row)), len(table.HEADINGS), row)


class Ctest(unittest.TestCase):
    def test_its_lines_are_understood(self):
        for line, outcome in (
                ("1/3 Test #12: fork_test ........................   Passed   15.21 sec", ("fork_test", "Passed", "15.21")),
                ("2/3 Test #13: io_test .........................***Skipped   0.02 sec", ("io_test", "Skipped", "0.02")),
                ("3/3 Test #14: a_test ..........................***Failed    1.02 sec", ("a_test", "Failed", "1.02")),
                ("    Test #14: a_test ..........................***Timeout 600.01 sec", ("a_test", "Timeout", "600.01")),
                ("    Test #15: b_test ..........................***Exception: SegFault  0.15 sec",
                 ("b_test", "Exception: SegFault", "0.15")),
                ("    Test #16: c_test ..........................***Not Run   0.00 sec", ("c_test", "Not Run", "0.00"))):
            match = checks.TEST_LINE.search(line)
            self.assertIsNotNone(match, line)
            self.assertEqual(match.groups(), outcome)
        self.assertIsNone(checks.TEST_LINE.search("    Start 12: fork_test"))


if __name__ == "__main__":
    unittest.main()
