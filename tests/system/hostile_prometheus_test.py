#!/usr/bin/python3
"""What a user can write into segments of his own, and which names he can take, while real Prometheus servers scrape
(hostile_case.py): he adds to nobody else's figures and breaks no page.
Called by: ctest, as hostile_prometheus_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import unittest

import hostile_case
import hostile_cells

MAX = 2**64 - 1
MOST_DEAD = 100  # rows of one user's dead; the victim has left more
SYSTEM_USER = 990  # has precedence before other users


class Attacker(hostile_case.Attacker):
    """A user with a process of one metric of each kind. An act is all that it does besides."""

    def __init__(self, case, uid):
        super().__init__(case, uid)
        before = set(case.agent.segment_names())
        self.worker = self.worker_of(f"hostile-{len(before)}")
        for kind in ("counter", "float_counter", "gauge", "histogram", "native_histogram"):
            self.say(kind, f"hostile_{kind}" + ("_total" if "counter" in kind else ""))
        (name,) = set(case.agent.segment_names()) - before
        self.cells = hostile_cells.HostileCells(os.path.join(case.agent.directory, name))

    def say(self, *what, worker=None):
        self.case.assertEqual((worker or self.worker).say(*what), "ok")

    def nothing(self):
        """What an honest process does, to be sure of the rest of the test."""

    def native_bucket_of_half_the_range(self):
        condition = self.more_left_out("impossible_count")
        self.cells.put(self.cells.first_chunk("hostile_native_histogram") + 3, 2**63)
        return condition

    def native_buckets_that_wrap(self):
        self.cells.put(self.cells.first_chunk("hostile_native_histogram"), *[MAX, 2, 3] * 8)

    def native_buckets_large_but_each_possible(self):
        self.cells.put(self.cells.first_chunk("hostile_native_histogram"), *[2**56] * 32)

    def native_zero_bucket_of_half_the_range(self):
        self.cells.put(self.cells.first_cell("hostile_native_histogram"), 2**63)

    def classic_buckets_that_wrap(self):
        self.cells.put(self.cells.first_cell("hostile_histogram"), MAX, 2, 3)

    def sums_that_are_no_numbers(self):
        for value in (float("nan"), float("inf"), 1.7e308):
            self.cells.put(self.cells.first_cell("hostile_native_histogram") + 1, hostile_cells.bits(value))
            self.cells.put(self.cells.first_cell("hostile_float_counter_total"), hostile_cells.bits(value))
            self.cells.put(self.cells.first_cell("hostile_gauge"), hostile_cells.bits(value) ^ MAX)

    def counters_at_the_end_of_their_range(self):
        self.cells.put(self.cells.first_cell("hostile_counter_total"), MAX)
        self.cells.put(self.cells.first_cell("hostile_float_counter_total"), hostile_cells.bits(-1e308))

    def overflow_row_at_the_end_of_its_range(self):
        """Of a family in which the victim has an overflow row as well."""
        for row in range(2 * MOST_DEAD):
            self.say("counter", "shop_jobs_total", 2**63 - 1, {"row": str(row)})

    def label_and_help_text_of_all_kinds(self):
        for number, text in enumerate((b"\\n", b"\n\r\t", b"\0", b"\xc2\x80\xe2\x80\xa8", b"\xff\xfe", b'"} 1 #')):
            self.say("counter", "hostile_text_total", 1, {"text": text})
            self.say("gauge", f"hostile_help_{number}", 1, {}, text.decode("latin-1").translate({9: 32, 10: 92}))

    def figures_of_the_victims_service(self):
        thief = self.worker_of("shop")
        self.say("counter", "shop_orders_total", 1e6, worker=thief)
        self.say("native_histogram", "shop_wait_seconds", 1e300, worker=thief)
        return lambda: self.case.agent_counter("shop_orders_total", f'service="shop@{self.uid}"') >= 1e6

    def names_of_the_victims_families(self):
        taken = self.more_left_out("sample_name", 2), self.more_left_out("number"), self.more_left_out("type")
        for kind, name in (("histogram", "shop_orders"), ("native_histogram", "shop_jobs"),
                           ("float_counter", "shop_orders_total"), ("histogram", "shop_wait_seconds")):
            self.say(kind, name, 1e6)
        return lambda: all(condition() for condition in taken)

    def names_before_a_system_users_program_has_them(self):
        """A second time they are that user's already."""
        known = self.case.agent_counter("later_jobs_total", 'service="later"')
        self.say("histogram", "later_jobs", 1, worker=self.worker_of("later"))
        if not known:
            self.case.await_sample(1, "later_jobs_count", 'service="later"')
        program = self.case.count(SYSTEM_USER, "later", "counter", "later_jobs_total", 7)
        self.case.await_sample(known + 7, "later_jobs_total", 'service="later"')
        program.end()
        return lambda: all(server.value('later_jobs_total{service="later"}') == known + 7 for server in self.case.servers)


GROUPS = (
    (Attacker.nothing,
     Attacker.native_bucket_of_half_the_range,
     Attacker.native_buckets_that_wrap,
     Attacker.native_buckets_large_but_each_possible,
     Attacker.native_zero_bucket_of_half_the_range,
     Attacker.classic_buckets_that_wrap,
     Attacker.sums_that_are_no_numbers,
     Attacker.counters_at_the_end_of_their_range,
     Attacker.label_and_help_text_of_all_kinds),
    (Attacker.overflow_row_at_the_end_of_its_range,),
    (Attacker.figures_of_the_victims_service,
     Attacker.names_of_the_victims_families,
     Attacker.names_before_a_system_users_program_has_them),
)


class HostilePrometheus(hostile_case.HostileCase):
    flags = ("--limit.dead-rows-per-uid", str(MOST_DEAD))

    def test_no_scrape_fails_whatever_a_user_writes(self):
        self.attack_by_groups(Attacker, GROUPS)


if __name__ == "__main__":
    unittest.main()
