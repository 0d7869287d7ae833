#!/usr/bin/python3
"""An agent's user has no inotify instance left, as on a host where many containers run as one user. The agent starts, finds
segments by listing the directory, and watches the directory again once there is an instance.
Called by: ctest, as unwatched_directory_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import resource
import subprocess
import sys
import unittest

import agent_test_case
import live_agent

# Of nobody else on this host: whoever shared it would be without instances too.
USER = 61037
MOST_INSTANCES = 1 << 16
# Makes instances till the kernel refuses one, says how many, and gives them back at the first line.
HOLDER = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
held = []
while len(held) < int(sys.argv[1]):
    instance = libc.inotify_init1(os.O_CLOEXEC)
    if instance < 0:
        break
    held.append(instance)
print(len(held), errno.errorcode.get(ctypes.get_errno()), flush=True)
for line in sys.stdin:
    for instance in held:
        os.close(instance)
    held = []
    print("none", flush=True)
"""


@unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
class Unwatched(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        os.chown(self.folder, USER, USER)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(MOST_INSTANCES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            user=USER, group=USER, extra_groups=[],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        self.addCleanup(self.end_holder)
        held, refusal = self.holder.stdout.readline().split()
        self.assertLess(int(held), hard - 16)  # that limit's refusal is EMFILE too
        self.assertEqual(refusal, "EMFILE", f"{held} instances, and none refused")

    def end_holder(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()

    def give_instances_back(self):
        self.holder.stdin.write("\n")
        self.holder.stdin.flush()
        self.assertEqual(self.holder.stdout.readline(), "none\n")

    def start_agent(self):
        self.agent.start(user=USER, group=USER, extra_groups=[])
        live_agent.until(30, "the agent's first page", self.agent.answers)

    def assert_counts(self, name):
        """One that lives on, one that dies, and one that is gone before any page is asked for."""
        stays, dies, short = (self.worker() for _ in range(3))
        for worker, value in ((short, 1), (dies, 2), (stays, 4)):
            self.assertEqual(worker.say("counter", name, value), "ok")
        short.end()
        self.await_sample(7, name, 'service="shop"')
        dies.end()
        live_agent.until(20, "the folds", lambda: len(self.agent.segment_names()) == 1)
        stays.say("counter", name, 8)
        self.assertEqual(self.agent.samples(name), {(name, 'service="shop"'): 15})
        stays.end()
        live_agent.until(20, "the last fold", self.agent.all_folded)
        self.assertEqual(self.agent.samples(name), {(name, 'service="shop"'): 15})

    def test_it_lists_the_directory_until_there_is_an_instance_again(self):
        self.start_agent()
        self.await_sample(0, "notch_agent_directory_watched")
        self.assert_counts("listed_jobs_total")
        self.assertEqual(self.agent.log().count("cannot make an inotify instance"), 1)
        self.give_instances_back()
        self.await_sample(1, "notch_agent_directory_watched")
        self.assertIn("is watched again", self.agent.log())
        self.assert_counts("told_jobs_total")
        self.assertEqual(self.agent.stop(), 0)


if __name__ == "__main__":
    unittest.main()
