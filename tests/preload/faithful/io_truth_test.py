#!/usr/bin/python3
"""The io module's counts of real programs agree, call by call, with the results that strace saw.
Called by: ctest, with faithful_case's arguments.

The comparison is exact where a program calls read, write and the like itself. Libc's own writes (stdio) do not pass the
library, so the test compares file descriptors that these programs do not use through stdio.
"""
import os
import re
import signal
import unittest

import faithful_case
import live_agent
import redis_test
import stage
import syscall_trace

READS = ("read", "readv", "pread64", "preadv", "preadv2")
WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2")
_CALL = re.compile(r"(\w+)\((\d+)<(.*?)>(?:\(deleted\))?[,)].* = (-?\d+)")


class _Mover(syscall_trace.Follower):
    """Adds up what was read and written through descriptors whose name matches."""

    def __init__(self, name):
        super().__init__()
        self.name = re.compile(name)
        self.moved = {"read": [0, 0], "write": [0, 0]}  # calls, bytes

    def _count(self, pid, text, key):
        call = _CALL.match(text)
        if call and self.name.search(call.group(3)):
            for operation, names in (("read", READS), ("write", WRITES)):
                if call.group(1) in names:
                    self.moved[operation][0] += 1
                    self.moved[operation][1] += max(0, int(call.group(4)))


class IoTruth(faithful_case.FaithfulCase):
    def setUp(self):
        super().setUp()
        self.agent = live_agent.Agent(faithful_case.NOTCHD, os.path.join(self.folder, "watched"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()

    def new_stage(self):
        run = stage.Stage(self.folder, self.preload_of(True, True), True)
        self.addCleanup(run.close)
        run.tracing = (*run.tracing, "-y")
        run.segments = self.agent.directory
        return run

    def assert_agree(self, run, name, kind):
        """name: of the descriptors in strace's words; kind: in the library's."""
        seen = _Mover(name)
        for path in run.trace_paths():
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    pid, _, text = line.rstrip().partition(" ")
                    seen.line(int(pid), text.lstrip())
        live_agent.until(30, "all segments folded", self.agent.all_folded)
        counted = {"read": [0, 0], "write": [0, 0]}
        for index, family in enumerate(("libc_io_operations_total", "libc_io_bytes_total")):
            for (_, labels), value in self.agent.samples(family).items():
                for operation in counted:
                    if f'operation="{operation}"' in labels and f'kind="{kind}"' in labels:
                        counted[operation][index] += int(value)
        print(f"{self.id()}: calls and bytes by strace {seen.moved}, by the library {counted}", flush=True)
        self.assertGreater(min(seen.moved["write"]), 0)
        self.assertEqual(counted, seen.moved)

    def test_sqlite_files(self):
        run = self.new_stage()
        made = run.run("sqlite3", "all.db", "create table t(i); with recursive n(i) as (select 1 union all select i + 1 "
                       "from n where i < 20000) insert into t select i from n; create index x on t(i); vacuum; "
                       "select sum(i) from t", environment={"SQLITE_TMPDIR": run.directory})
        self.assertEqual(made["stdout"], "200010000\n")
        self.assert_agree(run, f"^({re.escape(run.directory)}|/dev/urandom)", "file")

    def test_redis_sockets(self):
        run = self.new_stage()
        server, client = redis_test.start_server(run, "one")
        client.pipeline(list(redis_test.commands(200)))
        for command in redis_test.commands(30):
            client.call(*command)
        self.assertEqual(server.stop(signal.SIGTERM), 0)
        self.assert_agree(run, "^(socket|UNIX)", "socket")


if __name__ == "__main__":
    faithful_case.main("sqlite3", "redis-server")
