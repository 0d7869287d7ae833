"""A test with programs of several ordinary users, and a live agent of another user.
Called by: hostile_case, user_names_test, user_rows_test.
"""
import os
import unittest

import agent_test_case
import live_agent
import spoken_worker

AGENT, ATTACKER, VICTIM = 61000, 61001, 61002


@unittest.skipUnless(os.geteuid() == 0, "only root can be several users")
class UserCase(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        os.chown(self.folder, AGENT, AGENT)
        os.chmod(self.folder, 0o755)
        self.start_agent()

    def start_agent(self):
        self.agent.start(user=AGENT, group=AGENT, extra_groups=[])
        live_agent.until(30, "the agent's first page", self.agent.answers)

    def restart_agent(self):
        self.agent.kill()
        self.start_agent()

    def worker_of(self, uid, service):
        worker = spoken_worker.SpokenWorker(agent_test_case.SPOKEN_WORKER, self.agent.directory, service, uid)
        self.addCleanup(worker.end)
        return worker

    def count(self, uid, service, kind, name, value=1, labels=None):
        """A worker that says one thing; it lives on."""
        worker = self.worker_of(uid, service)
        self.assertEqual(worker.say(kind, name, value, labels), "ok")
        return worker

    def count_and_die(self, *what):
        folded = self.folds()
        self.count(*what).end()
        self.await_folds(folded + 1)

    def folds(self):
        return self.agent.samples("notch_agent_folds_total")["notch_agent_folds_total", ""]

    def await_folds(self, folds):
        live_agent.until(20, f"{folds} folds", lambda: self.folds() >= folds)

    def sweep(self):
        """Returns once the agent has looked for dead processes at least once more."""
        self.count_and_die(VICTIM, "sweep", "counter", "sweeps_total")

    def left_out(self, reason):
        return self.agent.samples("notch_agent_conflicts_total").get(
            ("notch_agent_conflicts_total", f'reason="{reason}"'), 0)

    def await_left_out(self, reason, times):
        self.await_sample(times, "notch_agent_conflicts_total", f'reason="{reason}"')
