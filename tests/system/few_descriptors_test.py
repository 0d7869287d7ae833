#!/usr/bin/python3
"""An agent may have few file descriptors (RLIMIT_NOFILE), and a user has more segments than that. The agent still serves
pages to many connections at a time, and counts another user's programs exactly.
Called by: ctest, as few_descriptors_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import socket
import subprocess
import unittest

import live_agent
import user_case
from user_case import ATTACKER, VICTIM

DESCRIPTORS = 512
SEGMENTS = 600
CONNECTIONS = 60

# Copies of the segment that is named, each held by the lock of a living process, until its input ends.
COPIES = """
import fcntl, os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
original = os.open(sys.argv[1], os.O_RDONLY)
status = os.fstat(original)
content, end = [], 0
while end < status.st_size:
    try:
        begin = os.lseek(original, end, os.SEEK_DATA)
    except OSError:
        break
    end = os.lseek(original, begin, os.SEEK_HOLE)
    content.append((os.pread(original, end - begin, begin), begin))
held = []
for i in range(int(sys.argv[2])):
    with open(f".copy-{i}.new", "wb") as copy:
        copy.truncate(status.st_size)
        os.posix_fallocate(copy.fileno(), 0, min(status.st_size, status.st_blocks * 512))
        for data, at in content:
            os.pwrite(copy.fileno(), data, at)
        held.append(os.open(copy.name, os.O_RDONLY))
        fcntl.flock(held[-1], fcntl.LOCK_SH)
    os.rename(copy.name, copy.name[1:-3] + "notch")
print("made", flush=True)
sys.stdin.read()
"""


class FewDescriptors(user_case.UserCase):
    def start_agent(self):
        self.agent.command = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *self.agent.command]
        super().start_agent()

    def make_copies(self):
        self.count(ATTACKER, "many", "counter", "copies_total")
        (name,) = self.agent.segment_names()
        copies = subprocess.Popen(["/usr/bin/python3", "-c", COPIES, name, str(SEGMENTS)], cwd=self.agent.directory,
                                  user=ATTACKER, group=ATTACKER, extra_groups=[], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(copies.communicate, timeout=60)
        self.addCleanup(copies.kill)
        self.assertEqual(copies.stdout.readline(), "made\n")

    def await_refusals(self):
        def refused():
            return self.agent.samples("notch_agent_rejected_segments_total").get(
                ("notch_agent_rejected_segments_total", 'reason="segments_per_uid"'), 0)
        live_agent.until(20, "the limit of one user's segments", lambda: refused() >= SEGMENTS - DESCRIPTORS + CONNECTIONS)

    def test_another_user_is_seen_and_pages_are_served(self):
        self.make_copies()
        self.await_refusals()
        connections = [socket.create_connection(("127.0.0.1", self.agent.port)) for _ in range(CONNECTIONS)]
        for connection in connections:
            self.addCleanup(connection.close)
        workers = [self.count(VICTIM, "shop", "counter", "orders_total", number) for number in range(1, 11)]
        self.await_sample(55, "orders_total", 'service="shop"')
        folded = self.folds()
        for worker in workers[:5]:
            worker.end()
        self.await_folds(folded + 5)
        self.assertEqual(self.agent.samples("orders_total"), {("orders_total", 'service="shop"'): 55})
        self.assertEqual(workers[9].say("counter", "orders_total", 1), "ok")
        self.await_sample(56, "orders_total", 'service="shop"')
        self.assertLess(len(os.listdir(f"/proc/{self.agent.process.pid}/fd")), DESCRIPTORS)


if __name__ == "__main__":
    unittest.main()
