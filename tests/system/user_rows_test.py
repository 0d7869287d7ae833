#!/usr/bin/python3
"""Rows between users: text, rows of dead processes and series past one user's limit take nothing from another user's rows,
and what was left out is counted in full later.
Called by: ctest, as user_rows_test.py NOTCHD SPOKEN_WORKER.
"""
import unittest

import text_page
import user_case
from user_case import ATTACKER, VICTIM


class UserRows(user_case.UserCase):
    def fill(self, worker, rows, labels=None):
        for row in range(rows):
            answer = worker.say("counter", "many_rows_total", 1, {"row": str(row), **(labels or {})})
            self.assertEqual(answer, "ok")

    def total(self, name):
        return text_page.total(self.agent.samples(name), name)

    def assert_victims_rows_stand(self):
        for row in "123":
            self.await_sample(int(row), "victim_jobs_total", f'service="shop",row="{row}"')

    def count_victims_rows(self):
        for row in "123":
            self.count_and_die(VICTIM, "shop", "counter", "victim_jobs_total", int(row), {"row": row})


class UserText(UserRows):
    PER_USER = 500_000
    flags = ("--limit.page-bytes-per-uid", str(PER_USER), "--limit.page-bytes", "1000000")

    def test_long_labels_of_one_user_are_left_out_and_anothers_are_not(self):
        empty = len(self.agent.scrape())
        long = {f"label_{number}": "x" * 1000 for number in range(15)}
        attacker = self.worker_of(ATTACKER, "many")
        self.fill(attacker, 100, long)
        self.count_victims_rows()
        self.assert_victims_rows_stand()
        self.assertGreater(self.left_out("page_bytes"), 50)
        self.assertLess(len(self.agent.scrape()), empty + self.PER_USER + 20_000)
        folded = self.folds()
        attacker.end()
        self.await_folds(folded + 1)
        self.assertEqual(self.total("many_rows_total"), 100, "what had no room is in the overflow row")
        self.restart_agent()
        self.assertEqual(self.total("many_rows_total"), 100)
        self.assert_victims_rows_stand()


class UserDead(UserRows):
    flags = ("--limit.dead-rows-per-uid", "200", "--limit.dead-rows", "300")

    def test_the_dead_of_one_user_take_no_others_labels(self):
        for lives in range(1, 3):
            folded = self.folds()
            attacker = self.worker_of(ATTACKER, "many")
            self.fill(attacker, 400, {"life": str(lives)})
            attacker.end()
            self.await_folds(folded + 1)
        self.count_victims_rows()
        self.assert_victims_rows_stand()
        self.assertEqual(self.total("many_rows_total"), 800)
        self.assertLessEqual(len(self.agent.samples("many_rows_total")), 201)
        self.restart_agent()
        self.assert_victims_rows_stand()
        self.assertEqual(self.total("many_rows_total"), 800)

    def test_a_ledger_that_is_too_large_is_cut_at_the_start(self):
        attacker = self.worker_of(ATTACKER, "many")
        self.fill(attacker, 150)
        folded = self.folds()
        attacker.end()
        self.await_folds(folded + 1)
        self.count_victims_rows()
        self.agent.command += ["--limit.dead-rows-per-uid", "50"]
        self.agent.command = [part for index, part in enumerate(self.agent.command)
                              if "200" not in self.agent.command[index:index + 2]]
        self.restart_agent()
        self.sweep()
        self.assertLessEqual(len(self.agent.samples("many_rows_total")), 51)
        self.assertEqual(self.total("many_rows_total"), 150)
        self.assert_victims_rows_stand()


class UserOverflow(UserRows):
    flags = ("--limit.dead-rows-per-uid", "1")

    def test_one_users_overflow_row_takes_nothing_from_anothers(self):
        for number, (uid, value) in enumerate([(VICTIM, 5), (VICTIM, 7), (ATTACKER, 1)] + [(ATTACKER, 2**63 - 1)] * 3 + [(VICTIM, 9)]):
            service = "bank" if uid == VICTIM else "evil"
            self.count_and_die(uid, service, "counter", "jobs_total", value, {"row": str(number)})
        self.assert_all_stands()
        self.restart_agent()
        self.assert_all_stands()

    def assert_all_stands(self):
        self.assertEqual(self.agent.samples("jobs_total"), {
            ("jobs_total", 'service="bank",row="0"'): 5,
            ("jobs_total", f'service="(others)@{VICTIM}",overflow="true"'): 16,
            ("jobs_total", 'service="evil",row="2"'): 1,
            ("jobs_total", f'service="(others)@{ATTACKER}",overflow="true"'): 2.0**64})


class UserSeries(UserRows):
    flags = ("--limit.series-per-uid", "50")

    def test_series_left_out_come_back_whole(self):
        first = self.worker_of(VICTIM, "first")
        self.fill(first, 40)
        self.await_sample(1, "many_rows_total", 'service="first",row="39"')
        second = self.worker_of(VICTIM, "second")
        for _ in range(3):
            self.fill(second, 30)
        self.await_left_out("series_limit", 20)
        self.assertEqual(self.total("many_rows_total"), 40 + 30)
        first.end()
        self.await_sample(3, "many_rows_total", 'service="second",row="29"')
        self.assertEqual(self.total("many_rows_total"), 40 + 90)
        self.assertEqual(self.left_out("series_limit"), 20)


if __name__ == "__main__":
    unittest.main()
