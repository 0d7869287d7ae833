#!/usr/bin/python3
"""Names of families between users: no user takes another user's name, or uses up the room for other users' names.
Called by: ctest, as user_names_test.py NOTCHD SPOKEN_WORKER.
"""
import unittest

import user_case
from user_case import ATTACKER, VICTIM

ROOT = 0


class UserNames(user_case.UserCase):
    flags = ("--limit.families-per-uid", "100", "--limit.families", "500")

    def assert_counts(self, value, name, service):
        self.await_sample(value, name, f'service="{service}"')

    def test_all_names_of_one_user_keep_out_no_other_users(self):
        attackers = [self.worker_of(ATTACKER, "many") for _ in range(5)]
        for number, attacker in enumerate(attackers):
            for name in range(100):
                self.assertEqual(attacker.say("counter", f"many_{number}_{name}_total"), "ok")
        self.await_left_out("family_limit_per_uid", 400)
        living = self.count(VICTIM, "first", "counter", "first_total", 3)
        self.assert_counts(3, "first_total", "first")
        for attacker in attackers:
            attacker.end()
        self.sweep()
        self.count(VICTIM, "second", "counter", "second_total", 4)
        self.assert_counts(4, "second_total", "second")
        self.restart_agent()
        self.count(VICTIM, "third", "counter", "third_total", 5)
        for value, service in ((3, "first"), (4, "second"), (5, "third")):
            self.assert_counts(value, f"{service}_total", service)
        living.end()

    def test_a_family_hides_no_others_samples(self):
        self.count_and_die(VICTIM, "shop", "counter", "shop_orders_total", 7)
        self.count_and_die(VICTIM, "shop", "histogram", "wait_seconds", 2)
        for kind in ("histogram", "gauge", "native_histogram"):
            self.count(ATTACKER, "thief", kind, "shop_orders", 1e6)
        self.await_left_out("sample_name", 3)
        self.restart_agent()
        self.count(VICTIM, "shop", "counter", "shop_orders_total", 1)
        self.assert_counts(8, "shop_orders_total", "shop")
        self.assertEqual(self.agent.samples("wait_seconds_count"), {("wait_seconds_count", 'service="shop"'): 1})
        self.assert_pages_sound()

    def test_another_definition_erases_nobodys_totals_and_keeps_nobody_out(self):
        self.count_and_die(VICTIM, "shop", "counter", "shop_orders_total", 7)
        self.count(ATTACKER, "thief", "float_counter", "shop_orders_total", 0.5)
        self.count_and_die(ATTACKER, "thief", "float_counter", "shop_orders_total", 0.5)
        self.await_left_out("number", 2)
        self.sweep()
        self.assert_counts(7, "shop_orders_total", "shop")
        next_one = self.count(VICTIM, "shop", "counter", "shop_orders_total", 1)
        self.assert_counts(8, "shop_orders_total", "shop")
        next_one.end()
        self.restart_agent()
        self.count(VICTIM, "shop", "counter", "shop_orders_total", 1)
        self.assert_counts(9, "shop_orders_total", "shop")

    def test_an_updated_program_of_the_same_user_has_its_new_definition(self):
        old = self.count(VICTIM, "shop", "histogram", "wait_seconds", 2)
        self.assert_counts(1, "wait_seconds_count", "shop")
        new = self.count(VICTIM, "shop", "other_histogram", "wait_seconds", 2)
        self.await_left_out("bounds", 1)
        old.end()
        live = ("wait_seconds_bucket", 'service="shop",le="4"')
        self.await_sample(1, *live)
        new.end()

    def test_roots_definition_has_precedence(self):
        squatter = self.count(ATTACKER, "thief", "histogram", "shop_orders", 1)
        self.assert_counts(1, "shop_orders_count", "thief")
        self.count(ROOT, "shop", "counter", "shop_orders_total", 7)
        self.assert_counts(7, "shop_orders_total", "shop")
        self.assertEqual(self.agent.samples("shop_orders_count"), {})
        self.assertEqual(self.left_out("sample_name"), 2, "root's at first, then the squatter's")
        squatter.end()
        self.sweep()
        self.restart_agent()
        self.assert_counts(7, "shop_orders_total", "shop")
        self.assert_pages_sound()

    def test_nobody_takes_the_agents_names(self):
        before = {name for name, _ in self.agent.samples("node_load")}
        for kind, name in (("histogram", "node_load1"), ("gauge", "node_load5"), ("histogram", "node_cpu_seconds"),
                           ("gauge", "process_resident_memory_bytes")):
            self.count(ATTACKER, "thief", kind, name, 1e6)
        self.await_left_out("reserved_name", 4)
        names = {name for name, labels in self.agent.samples() if "thief" in labels}
        self.assertEqual({name for name in names if name.startswith("node_") or "resident" in name}, set())
        self.assertEqual({name for name, _ in self.agent.samples("node_load")}, before)
        alone = self.agent.scrape("/metrics?collect[]=segments")
        self.assertNotIn("node_load1_bucket", alone)
        self.assert_pages_sound()


if __name__ == "__main__":
    unittest.main()
