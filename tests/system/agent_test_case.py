"""A test with one live agent, its workers, and the judges of its pages.
Called by: exposition_agreement_test, hostile_segments_test, daemon_test, process_ends_test.
"""
import os
import sys
import unittest

import live_agent
import page_judges
import scratch
import spoken_worker

NOTCHD, SPOKEN_WORKER = sys.argv.pop(1), sys.argv.pop(1)
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class AgentTestCase(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.agent = self.new_agent(*self.flags)

    def new_agent(self, *flags, name="segments"):
        """Not started yet; gone with the test."""
        agent = live_agent.Agent(NOTCHD, os.path.join(self.folder, name), *flags)
        self.addCleanup(agent.end)
        return agent

    def worker(self, service="shop", uid=None, variables=None):
        worker = spoken_worker.SpokenWorker(SPOKEN_WORKER, self.agent.directory, service, uid, variables)
        self.addCleanup(worker.end)
        return worker

    def await_sample(self, value, name, labels=""):
        """Until the agent's page has it."""
        def current():
            return self.agent.samples(name).get((name, labels))
        try:
            live_agent.until(20, f"{name}{{{labels}}} {value}", lambda: current() == value)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {current()}") from None

    def assert_pages_sound(self, lint=True):
        """Both texts of now satisfy their judges; gives the OpenMetrics families."""
        self.assertEqual(page_judges.promtool_complaints(self.agent.get().body, lint), [])
        answer = self.agent.get(Accept=OPENMETRICS)
        self.assertEqual(answer.status, 200)
        try:
            return page_judges.openmetrics(answer.body)
        except ValueError as error:
            raise AssertionError(f"{error} in {answer.body.decode()}") from error
