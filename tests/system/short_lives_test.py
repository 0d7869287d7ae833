#!/usr/bin/python3
"""Thousands of processes add once each and end, most of them between two scrapes. All are counted, whether the agent
runs or is started only later, and no file is left.
Called by: ctest, as short_lives_test.py NOTCHD SHORT_LIVES.
"""
import os
import subprocess
import sys
import threading
import unittest

import live_agent
import scratch
import text_page

NOTCHD, SHORT_LIVES = sys.argv.pop(1), sys.argv.pop(1)
UP_S, DOWN_S = 3, 1.5
FOLD_DEADLINE_S = 60


class ShortLives(unittest.TestCase):
    def setUp(self):
        self.agent = live_agent.Agent(NOTCHD, os.path.join(scratch.folder_of(self), "segments"))
        self.addCleanup(self.agent.end)
        self.seen = [0]

    def live(self, way, seconds):
        """Lets them live; gives how many there were."""
        run = subprocess.run(
            [SHORT_LIVES, way, str(seconds)], capture_output=True, text=True, check=True,
            env=live_agent.environment(NOTCH_DIR=self.agent.directory, NOTCH_SERVICE="lives"))
        started, failed, took_s = run.stdout.split()
        self.assertEqual(failed, "0")
        print(f"{self.id().split('.')[-1]} {way}: {started} processes in {took_s} s, "
              f"{int(started) / float(took_s):.0f} each second", flush=True)
        return int(started)

    def counted(self):
        return text_page.total(self.agent.samples(), "short_lives_total")

    def scrape_until(self, end):
        """Scrapes all along: no number may go backwards."""
        while not end.wait(0.25):
            self.seen.append(self.counted())

    def assert_all_counted(self, lives):
        live_agent.until(FOLD_DEADLINE_S, "all segments folded", self.agent.all_folded)
        self.assertEqual(self.counted(), lives)
        self.assertEqual(self.agent.segment_names(), [])
        self.agent.kill()
        self.agent.start_and_wait()
        self.assertEqual(self.counted(), lives)
        self.assertEqual(self.agent.stop(), 0)
        self.assertEqual(self.agent.segment_names(), [])

    def test_all_are_counted_while_the_agent_is_up(self):
        self.agent.start_and_wait()
        end = threading.Event()
        scraper = threading.Thread(target=self.scrape_until, args=(end,))
        scraper.start()
        try:
            lives = sum(self.live(way, UP_S) for way in ("fork", "exec"))
        finally:
            end.set()
            scraper.join()
        self.assertEqual(self.seen, sorted(self.seen))
        self.assertGreater(len(self.seen), 3)
        self.assert_all_counted(lives)

    def test_all_are_counted_by_an_agent_started_after(self):
        os.mkdir(self.agent.directory)
        lives = sum(self.live(way, DOWN_S) for way in ("fork", "exec"))
        self.assertGreaterEqual(len(self.agent.segment_names()), lives)
        self.agent.start_and_wait()
        self.assert_all_counted(lives)

    def test_a_backlog_past_the_limit_is_taken_in_portions(self):
        os.mkdir(self.agent.directory)
        lives = self.live("fork", 0.3)
        self.agent.command += ["--limit.segments-per-uid", str(lives // 2 + 1)]
        self.agent.start_and_wait()
        self.assertGreater(text_page.total(self.agent.samples(), "notch_agent_rejected_segments_total"), 0)
        live_agent.until(FOLD_DEADLINE_S, "an empty directory", lambda: not self.agent.segment_names())
        self.assert_all_counted(lives)


if __name__ == "__main__":
    unittest.main()
