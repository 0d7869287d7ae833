#!/usr/bin/python3
"""Programs in user namespaces of their own leave segments that the agent rejects, because the uid in them is not that of the
file. The agent removes a segment a minute after its program's death, not before, and leaves other files alone.
Called by: ctest, as rejected_removal_test.py NOTCHD SPOKEN_WORKER SET_CLOCK_LIBRARY.
"""
import os
import subprocess
import sys
import unittest

import agent_test_case
import live_agent

SET_CLOCK = sys.argv.pop(1)
USER = 61041
RUNS = 10
LOOK_S = 10  # the agent's, at rejected files
REJECTED = ("notch_agent_rejected_segments_total", 'reason="wrong_owner"')
REMOVED = ("notch_agent_removed_segments_total", 'reason="wrong_owner"')


@unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
class RejectedRemoval(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.passed_path = os.path.join(self.folder, "passed")
        self.pass_time(0)
        self.agent.command = ["env", f"LD_PRELOAD={SET_CLOCK}", f"PASS_TIME_FILE={self.passed_path}", *self.agent.command]
        self.agent.start_and_wait()

    def pass_time(self, seconds):
        """So many since the start, for the agent alone."""
        self.passed_s = seconds
        with open(self.passed_path + ".new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.rename(self.passed_path + ".new", self.passed_path)

    def start_in_namespace(self):
        """It has counted and lives."""
        worker = subprocess.Popen(
            ["unshare", "-Ur", agent_test_case.SPOKEN_WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, user=USER, group=USER, extra_groups=[],
            env=live_agent.environment(NOTCH_DIR=self.agent.directory, NOTCH_SERVICE="shop"))
        self.addCleanup(self.end, worker)
        try:
            worker.stdin.write(b"counter\tnamespace_jobs_total\tHelp.\t1\n")
            worker.stdin.flush()
        except BrokenPipeError:
            pass
        if worker.stdout.readline() != b"ok\n":
            self.skipTest("no user namespace: " + worker.stderr.read().decode().strip())
        return worker

    def end(self, worker):
        worker.kill()
        worker.wait()
        for stream in (worker.stdin, worker.stdout, worker.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def names(self):
        return [name for name in self.agent.segment_names() if name.endswith(".notch")]

    def await_removed(self, files):
        """While time passes for the agent."""
        def removed():
            self.pass_time(self.passed_s + LOOK_S)
            return self.agent.samples(REMOVED[0]).get(REMOVED) == files
        live_agent.until(60, f"{files} files removed", removed, 0.3)

    def await_rejected(self, files):
        live_agent.until(20, "the files", lambda: len(self.names()) == files)
        self.await_sample(files, "notch_agent_segments", 'state="rejected"')
        self.assertGreaterEqual(self.agent.samples(REJECTED[0])[REJECTED], files - 1)

    def test_they_go_a_minute_after_their_process(self):
        workers = [self.start_in_namespace() for _ in range(RUNS)]
        lives = self.start_in_namespace()
        note = os.path.join(self.agent.directory, "note.notch")
        with open(note, "w", encoding="ascii") as file:
            file.write("what somebody left here by mistake, and no segment")
        self.await_rejected(RUNS + 2)
        for worker in workers:
            self.end(worker)
        self.pass_time(30)  # a look, too early
        ordinary = self.worker()
        ordinary.say("counter", "ordinary_jobs_total", 5)
        ordinary.end()
        self.await_sample(1, "notch_agent_folds_total")  # by a sweep since then
        self.assertEqual(len(self.names()), RUNS + 2)
        self.await_removed(RUNS)
        self.assertEqual(len(self.names()), 2)
        self.assertIn("files that no process uses were removed", self.agent.log())
        self.end(lives)
        self.await_removed(RUNS + 1)
        self.assertEqual(self.names(), ["note.notch"])
        self.assertEqual(self.agent.samples("ordinary_jobs_total"), {("ordinary_jobs_total", 'service="shop"'): 5})

    def test_a_new_agent_removes_what_it_finds(self):
        self.end(self.start_in_namespace())
        self.assertEqual(self.agent.stop(), 0)
        self.end(self.start_in_namespace())
        self.agent.start_and_wait()
        self.await_rejected(2)
        self.await_removed(2)
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    unittest.main()
