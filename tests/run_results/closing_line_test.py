#!/usr/bin/python3
"""What closing_line.py makes of ctest's results, one rule per test. Called by: ctest."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

import closing_line

PASSED = '<testcase name="t" status="run"><system-out>{}</system-out></testcase>'
SKIPPED = ('<testcase name="t" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
           '<system-out>{}</system-out></testcase>')
NOT_FOUND = ('<testcase name="t" status="notrun"><skipped message="Unable to find executable"/>'
             '<system-out>Unable to find executable</system-out></testcase>')
FAILED = '<testcase name="t" status="fail"><failure message=""/></testcase>'
DISABLED = '<testcase name="t" status="disabled"><system-out>Disabled</system-out></testcase>'


class ClosingLine(unittest.TestCase):
    def run_on(self, *cases, extra=()):
        """Exit code and printed lines for one preset with these cases."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "results.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("<testsuite>" + "".join(cases) + "</testsuite>")
            return self.run_with("--results", f"release={path}", *extra)

    def run_with(self, *argv):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = closing_line.main(list(argv))
        return code, printed.getvalue().splitlines()

    def test_a_skipped_step_is_said_with_its_reason(self):
        code, lines = self.run_on(PASSED.format(""), extra=("--skipped", "tsan: all of it: 5 of 4 s are over"))
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("  all of it (tsan): 5 of 4 s are over", lines)

    def test_adds_up_over_cases(self):
        code, lines = self.run_on(PASSED.format(""), PASSED.format(""), SKIPPED.format("skipped: a"))
        self.assertEqual((code, lines[-1]), (0, "2 passed, 0 failed, 1 skipped"))

    def test_one_failure_fails_the_run(self):
        code, lines = self.run_on(PASSED.format(""), FAILED)
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("  t (release)", lines)

    def test_no_test_fails_the_run(self):
        code, lines = self.run_on()
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 0 skipped"))

    def test_nothing_but_skips_fails_the_run(self):
        code, lines = self.run_on(SKIPPED.format("skipped: A.b: no kernel support"))
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 1 skipped"))

    def test_a_skip_shows_its_reason(self):
        _, lines = self.run_on(PASSED.format(""), SKIPPED.format("skipped: A.b: no kernel support"))
        self.assertIn("  t (release): A.b: no kernel support", lines)

    def test_a_skip_without_a_word_is_a_failure(self):
        code, lines = self.run_on(PASSED.format(""), SKIPPED.format(""))
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_program_with_some_skips_is_passed_and_they_are_listed(self):
        code, lines = self.run_on(PASSED.format("[ OK ]\nskipped: A.b: needs root\n"))
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 0 skipped"))
        self.assertIn("  t (release): A.b: needs root", lines)

    def test_a_program_that_is_not_there_is_a_failure(self):
        code, lines = self.run_on(PASSED.format(""), NOT_FOUND)
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_disabled_test_is_skipped_by_that_name(self):
        _, lines = self.run_on(PASSED.format(""), DISABLED)
        self.assertIn("  t (release): disabled", lines)

    def test_a_failed_step_counts(self):
        code, lines = self.run_on(PASSED.format(""), extra=("--failed", "debug: build"))
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("  build (debug)", lines)

    def test_results_that_are_missing_count_as_a_failure(self):
        code, lines = self.run_with("--results", "tsan=/nonexistent/results.xml")
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_the_slowest_tests_are_named_in_order(self):
        cases = [f'<testcase name="t{n}" status="{("run", "fail")[n % 2]}" time="{n * 1.5}"/>' for n in range(13)]
        _, lines = self.run_on(*cases)
        begin = lines.index("Slowest:") + 1
        self.assertEqual([line.split()[0::2] for line in lines[begin:begin + 10]],
                         [[f"{n * 1.5:.1f}", f"t{n}"] for n in range(12, 2, -1)])
        self.assertEqual(lines[begin + 10], "Failed:")

    def test_a_test_longer_than_allowed_is_named_unless_it_is_labelled_long(self):
        cases = [f'<testcase name="{name}" status="run" time="{seconds}"/>'
                 for name, seconds in (("a", 44), ("b", 46), ("c", 47))]
        code, lines = self.run_on(*cases, extra=("--long", "b"))
        self.assertEqual(code, 0)
        self.assertIn("Over 45 s, and not labelled long: c (release)", lines)

    def test_no_time_no_list(self):
        self.assertNotIn("Slowest:", self.run_on(PASSED.format(""))[1])

    def test_output_that_is_not_xml_is_read_all_the_same(self):
        code, _ = self.run_on(PASSED.format("\x01\x1b[0m"))
        self.assertEqual(code, 0)


if __name__ == "__main__":
    sys.exit(unittest.main())
