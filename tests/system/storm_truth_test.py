"""storm_truth finds every kind of wrong page."""
import struct
import unittest

import storm_truth


def page(rounds=3, own=3, halves=1.5, size=3, native=3):
    return {
        ("storm_rounds_total", 'service="storm",kind="0"'): rounds,
        ("storm_own_total", 'service="storm",slot="0"'): own,
        ("storm_halves_total", 'service="storm"'): halves,
        ("storm_size_bytes_count", 'service="storm"'): size,
        ("storm_native_bytes_count", 'service="storm"'): native,
    }


class Judge(unittest.TestCase):
    def test_the_truth_passes(self):
        self.assertEqual(storm_truth.judge(page(), [(3, 3)]), [])

    def test_one_lost_add_is_seen_in_each_metric(self):
        for lie in ({"rounds": 2}, {"own": 2}, {"halves": 1}, {"size": 2}, {"native": 2}):
            self.assertEqual(len(storm_truth.judge(page(**lie), [(3, 3)])), 1, lie)

    def test_one_add_too_many_is_seen_in_each_metric(self):
        for lie in ({"rounds": 4}, {"own": 4}, {"halves": 2}, {"size": 4}, {"native": 4}):
            self.assertEqual(len(storm_truth.judge(page(**lie), [(3, 3)])), 1, lie)

    def test_a_round_in_doubt_may_be_counted_or_not(self):
        self.assertEqual(storm_truth.judge(page(), [(4, 3)]), [])
        self.assertEqual(storm_truth.judge(page(rounds=4, own=4, halves=2, size=4), [(4, 3)]), [])
        self.assertNotEqual(storm_truth.judge(page(rounds=5), [(4, 3)]), [])

    def test_reads_slots(self):
        memory = struct.pack("<QQQQ", 5, 4, 7, 7)
        slots = storm_truth.read_slots(memory, 2)
        self.assertEqual(slots, [(5, 4), (7, 7)])
        self.assertTrue(storm_truth.in_doubt(slots, 0, 2))
        self.assertFalse(storm_truth.in_doubt(slots, 1, 1))


class Watch(unittest.TestCase):
    def test_growth_passes(self):
        watch = storm_truth.Watch()
        watch.page({"a": 1})
        watch.page({"a": 1, "b": 2})
        self.assertEqual(watch.pages, 2)

    def test_a_step_back_is_seen(self):
        watch = storm_truth.Watch()
        watch.page({"a": 2})
        with self.assertRaisesRegex(AssertionError, "backwards"):
            watch.page({"a": 1})

    def test_a_vanished_row_is_seen(self):
        watch = storm_truth.Watch()
        watch.page({"a": 2})
        with self.assertRaisesRegex(AssertionError, "vanished"):
            watch.page({})

    def test_a_row_of_nothing_may_vanish_with_the_agent_alone(self):
        watch = storm_truth.Watch()
        watch.page({"a": 0, "b": 2})
        with self.assertRaisesRegex(AssertionError, "a vanished"):
            watch.page({"b": 2})
        watch.page({"b": 2}, agents=1)
        with self.assertRaisesRegex(AssertionError, "b vanished"):
            watch.page({"a": 0}, agents=2)

    def test_a_repeated_row_is_seen(self):
        with self.assertRaisesRegex(AssertionError, "twice"):
            storm_truth.parse_page('storm_x{a="b"} 1\nstorm_x{a="b"} 2\n')


if __name__ == "__main__":
    unittest.main()
