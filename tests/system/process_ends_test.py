#!/usr/bin/python3
"""The live agent tells how real processes end: in order, by exec of a program that lives on, or by a signal. The counts
of each stay.
Called by: ctest, as process_ends_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import signal
import unittest

import agent_test_case


class ProcessEnds(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()

    def counting(self, service):
        worker = self.worker(service)
        worker.say("counter", "jobs_total", 5)
        self.await_sample(5, "jobs_total", f'service="{service}"')
        return worker

    def assert_ended(self, service, kind):
        """The end counts under this kind alone, and none of the process's counts is lost."""
        self.await_sample(1, "notch_agent_process_ends_total", f'kind="{kind}",service="{service}"')
        ends = [labels for _, labels in self.agent.samples("notch_agent_process_ends_total")
                if f'service="{service}"' in labels]
        self.assertEqual(len(ends), 1, ends)
        self.await_sample(5, "jobs_total", f'service="{service}"')
        self.assertEqual(self.agent.segment_names(), [])

    def test_in_order(self):
        self.assertEqual(self.counting("orderly").finish(), 0)
        self.assert_ended("orderly", "closed")

    def test_by_a_signal(self):
        self.counting("shot").process.send_signal(signal.SIGKILL)
        self.assert_ended("shot", "killed")

    def test_by_exec(self):
        worker = self.counting("changed")
        worker.become("/bin/sleep", "60")
        self.assert_ended("changed", "exec")
        self.assertIsNone(worker.process.poll())
        self.assertEqual(os.readlink(f"/proc/{worker.pid}/exe"), os.path.realpath("/bin/sleep"))


if __name__ == "__main__":
    unittest.main()
