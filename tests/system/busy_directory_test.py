#!/usr/bin/python3
"""A user makes and removes files in the directory of segments as fast as three processes can. Every page still comes
within a scraper's deadline, and has another user's new programs. Called by: ctest, as busy_directory_test.py NOTCHD SPOKEN_WORKER.
"""
import subprocess
import time
import unittest

import live_agent
import user_case
from user_case import ATTACKER, VICTIM

SCRAPE_DEADLINE_S = 10  # Prometheus's default
LOAD_S = 15
COME_AND_GO = """
import os, sys, time
end = time.monotonic() + float(sys.argv[1])
made = 0
while time.monotonic() < end:
    for i in range(500):
        name = f"{os.getpid()}-{i}.notch"
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o640))
        os.unlink(name)
    made += 500
print(made)
"""


class BusyDirectory(user_case.UserCase):
    def start_load(self):
        return [subprocess.Popen(["/usr/bin/python3", "-c", COME_AND_GO, str(LOAD_S)], cwd=self.agent.directory, user=ATTACKER,
                                 group=ATTACKER, extra_groups=[], stdout=subprocess.PIPE, text=True) for _ in range(3)]

    def test_pages_come_in_time_and_new_programs_are_on_them(self):
        self.count(VICTIM, "before", "counter", "orders_total", 7)
        load = self.start_load()
        slowest_s, pages = 0, 0
        self.count(VICTIM, "meanwhile", "counter", "orders_total", 5)
        seen = False
        while any(process.poll() is None for process in load):
            begun = time.monotonic()
            text = self.agent.get().body.decode()
            slowest_s = max(slowest_s, time.monotonic() - begun)
            pages += 1
            self.assertIn('orders_total{service="before"} 7', text)
            seen = seen or 'orders_total{service="meanwhile"} 5' in text
            time.sleep(0.2)
        made = sum(int(process.communicate()[0]) for process in load)
        print(f"{pages} pages, the slowest in {slowest_s:.2f} s, while {made} files came and went", flush=True)
        self.assertTrue(seen, "a program that began under the load was on no page")
        self.assertLess(slowest_s, SCRAPE_DEADLINE_S)
        self.assertGreater(made, 10_000)
        live_agent.until(20, "the directory's figure", lambda: self.agent.answers())


if __name__ == "__main__":
    unittest.main()
