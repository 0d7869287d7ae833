#!/usr/bin/python3
"""The wall clock is set under a live agent, forward by more than the retention and back by an hour: no row of a dead
process leaves early, and no wait becomes longer.
Called by: ctest, as clock_set_test.py NOTCHD SPOKEN_WORKER SET_CLOCK_LIBRARY.
"""
import email.utils
import os
import sys
import time
import unittest

import agent_test_case
import live_agent

SET_CLOCK = sys.argv.pop(1)
DAY_S = 24 * 3600
ROW = ("clock_jobs_total", 'service="shop"')


class ClockSet(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.offset_path = os.path.join(self.folder, "offset")
        self.set_clock(0)
        self.agent.command = ["env", f"LD_PRELOAD={SET_CLOCK}", f"SET_CLOCK_FILE={self.offset_path}",
                              *self.agent.command]
        self.agent.start_and_wait()

    def set_clock(self, seconds):
        with open(self.offset_path + ".new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.rename(self.offset_path + ".new", self.offset_path)

    def agent_is_off_by_s(self):
        date = email.utils.parsedate_to_datetime(self.agent.get("/-/ready").headers["Date"])
        return date.timestamp() - time.time()

    def die_having_counted(self, value):
        worker = self.worker()
        worker.say("counter", ROW[0], value)
        self.await_sample(value, *ROW)
        worker.end()
        live_agent.until(30, "the fold", self.agent.all_folded)

    def test_set_on_by_more_than_the_retention(self):
        self.die_having_counted(3)
        self.set_clock(8 * DAY_S)
        self.assertAlmostEqual(self.agent_is_off_by_s(), 8 * DAY_S, delta=30)
        time.sleep(1)  # many sweeps, of which the first retired
        self.assertEqual(self.agent.samples(ROW[0]), {ROW: 3})
        self.assertEqual(self.agent.stop(), 0)
        self.set_clock(30 * DAY_S)
        self.agent.start_and_wait()
        self.assertEqual(self.agent.samples(ROW[0]), {ROW: 3}, "nor between two agents")
        self.assertEqual(self.agent.samples("notch_agent_retired_rows_total")[("notch_agent_retired_rows_total", "")], 0)

    def test_set_back_by_an_hour(self):
        """A file that is not whole yet is looked at again within seconds."""
        worker = self.worker()
        worker.say("counter", ROW[0], 5)
        (name,) = self.agent.segment_names()
        path = os.path.join(self.agent.directory, name)
        self.await_sample(5, *ROW)
        self.agent.stop()
        with open(path, "r+b") as file:
            magic = file.read(8)
            file.seek(0)
            file.write(bytes(8))
        self.agent.start_and_wait()
        self.await_sample(1, "notch_agent_segments", 'state="waiting"')
        time.sleep(1)  # many sweeps, of which the first looked at it
        self.set_clock(-3600)
        self.assertAlmostEqual(self.agent_is_off_by_s(), -3600, delta=30)
        with open(path, "r+b") as file:
            file.write(magic)
        self.await_sample(5, *ROW)


if __name__ == "__main__":
    unittest.main()
