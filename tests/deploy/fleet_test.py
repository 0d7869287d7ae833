#!/usr/bin/python3
"""Many machines: one Prometheus scrapes many agents' pages, and two servers scrape one agent. Called by: ctest, as
fleet_test.py PROGRAMS_FOLDER.
"""

import os
import subprocess
import sys
import time
import unittest

import fleet_scrape
from fleet_scrape import live_agent, scratch

import live_prometheus

PROGRAMS = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/bin"
HOSTS = 60


class Fleet(unittest.TestCase):
    def test_one_prometheus_stores_every_sample_of_every_host(self):
        figures = fleet_scrape.measure(PROGRAMS, HOSTS, seconds=2, interval_s=2)
        self.assertEqual((figures["hosts"], figures["up"]), (HOSTS, HOSTS))
        self.assertGreater(figures["page_samples"], 200)
        self.assertEqual(figures["stored"], HOSTS * figures["page_samples"])
        self.assertLess(figures["wire_bytes"], figures["page_bytes"] / 4)

    def test_two_prometheus_servers_of_one_agent_see_the_same_sums(self):
        folder = scratch.folder_of(self)
        agent = live_agent.Agent(os.path.join(PROGRAMS, "notchd"), os.path.join(folder, "segments"))
        self.addCleanup(agent.end)
        agent.start_and_wait()
        subprocess.run([os.path.join(PROGRAMS, "otlp_demo"), "--workers", "3", "--for", "2", "--kill-every", "0.5"], check=True,
                       stdout=subprocess.DEVNULL, env=live_agent.environment(NOTCH_DIR=agent.directory, NOTCH_SERVICE="shop"))
        live_agent.until(30, "all segments folded", agent.all_folded)
        seen = []
        for name in ("one", "other"):
            os.mkdir(os.path.join(folder, name))
            server = live_prometheus.Prometheus(os.path.join(folder, name), agent.address, {"notch": "/metrics"}, native=False)
            self.addCleanup(server.__exit__)
            seen.append(server)
        for server in seen:
            server.wait_for_scrapes()
        time.sleep(1)
        query = '{__name__=~"otlp_spans_.*_total"}'
        sums = [sorted((sorted(labels.items()), value) for labels, value in server.query(query)) for server in seen]
        self.assertGreater(len(sums[0]), 8)
        self.assertEqual(sums[0], sums[1])


if __name__ == "__main__":
    sys.exit(unittest.main())
