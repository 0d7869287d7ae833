#!/usr/bin/python3
"""Real Prometheus servers, one that takes protobuf and one that takes OpenMetrics, scrape an agent while a user does
to it what users can do: not one scrape fails, and another user's counters are exact.

Every row of ATTACKS is a method of Attacker: it is done while its process lives, the process is killed and its
segment folded, it is done again by the next process, and the agent is killed and started anew over what it left.
Called by: ctest, as hostile_prometheus_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import subprocess
import time
import unittest

import hostile_cells
import live_agent
import live_prometheus
import user_case
from user_case import ATTACKER, VICTIM

MAX = 2**64 - 1
VICTIM_ADDS = 42
MOST_DEAD = 100  # rows of one user's dead; the victim has left more
VICTIM_JOBS = 120


class Attacker:
    """A user with a process of one metric of each kind. `act`, a row's method, is all that it does besides."""

    def __init__(self, case):
        self.case = case
        self.processes = []
        before = set(case.agent.segment_names())
        self.worker = case.worker_of(ATTACKER, "hostile")
        for kind in ("counter", "float_counter", "gauge", "histogram", "native_histogram"):
            self.say(kind, f"hostile_{kind}" + ("_total" if "counter" in kind else ""))
        (name,) = set(case.agent.segment_names()) - before
        self.path = os.path.join(case.agent.directory, name)
        self.cells = hostile_cells.HostileCells(self.path)

    def say(self, *what):
        self.case.assertEqual(self.worker.say(*what), "ok")

    def run_as_attacker(self, code, await_word=False):
        """A Python program of the attacker in the directory; it ends with this row at the latest."""
        process = subprocess.Popen(["/usr/bin/python3", "-c", code, self.path], cwd=self.case.agent.directory, user=ATTACKER,
                                   group=ATTACKER, extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        if await_word:
            self.case.assertEqual(process.stdout.readline(), "made\n")

    def end(self):
        self.worker.end()
        for process in self.processes:
            process.communicate(timeout=60)
            self.case.assertEqual(process.returncode, 0)

    def nothing(self):
        """What an honest process does, to be sure of the rest of the test."""

    def native_bucket_of_half_the_range(self):
        self.cells.put(self.cells.first_chunk("hostile_native_histogram") + 3, 2**63)

    def native_buckets_that_wrap(self):
        self.cells.put(self.cells.first_chunk("hostile_native_histogram"), *[MAX, 2, 3] * 8)

    def native_buckets_large_but_each_possible(self):
        self.cells.put(self.cells.first_chunk("hostile_native_histogram"), *[2**56] * 32)

    def native_zero_bucket_of_half_the_range(self):
        self.cells.put(self.cells.first_cell("hostile_native_histogram"), 2**63)

    def classic_buckets_that_wrap(self):
        self.cells.put(self.cells.first_cell("hostile_histogram"), MAX, 2, 3)

    def sums_that_are_no_numbers(self):
        for value in (float("nan"), float("inf"), 1.7e308):
            self.cells.put(self.cells.first_cell("hostile_native_histogram") + 1, hostile_cells.bits(value))
            self.cells.put(self.cells.first_cell("hostile_float_counter_total"), hostile_cells.bits(value))
            self.cells.put(self.cells.first_cell("hostile_gauge"), hostile_cells.bits(value) ^ MAX)

    def counters_at_the_end_of_their_range(self):
        self.cells.put(self.cells.first_cell("hostile_counter_total"), MAX)
        self.cells.put(self.cells.first_cell("hostile_float_counter_total"), hostile_cells.bits(-1e308))

    def sparse_files_of_16_gib(self):
        """Copies of his own segment, as large as a file may be, each with a header that claims all of it."""
        self.run_as_attacker("""
import fcntl, os, resource, struct, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
with open(sys.argv[1], "rb") as file:
    head = bytearray(file.read(1 << 16))
size = 1 << 34
held = []
head[24:32] = struct.pack("=Q", size)
for i in range(3000):
    with open(f".sparse-{i}.new", "wb") as copy:
        copy.write(head)
        copy.truncate(size)
        held.append(os.open(copy.name, os.O_RDONLY))
        fcntl.flock(held[-1], fcntl.LOCK_SH)
    os.rename(copy.name, copy.name[1:-3] + "notch")
print("made", flush=True)
sys.stdin.read()
""", await_word=True)

    def overflow_row_at_the_end_of_its_range(self):
        """Of a family in which the victim has an overflow row as well."""
        for row in range(2 * MOST_DEAD):
            self.say("counter", "jobs_total", 2**63 - 1, {"row": str(row)})

    def label_and_help_text_of_all_kinds(self):
        for number, text in enumerate((b"\\n", b"\n\r\t", b"\0", b"\xc2\x80\xe2\x80\xa8", b"\xff\xfe", b'"} 1 #')):
            self.say("counter", "hostile_text_total", 1, {"text": text})
            self.say("gauge", f"hostile_help_{number}", 1, {}, text.decode("latin-1").translate({9: 32, 10: 92}))


ATTACKS = (
    Attacker.nothing,
    Attacker.native_bucket_of_half_the_range,
    Attacker.native_buckets_that_wrap,
    Attacker.native_buckets_large_but_each_possible,
    Attacker.native_zero_bucket_of_half_the_range,
    Attacker.classic_buckets_that_wrap,
    Attacker.sums_that_are_no_numbers,
    Attacker.counters_at_the_end_of_their_range,
    Attacker.label_and_help_text_of_all_kinds,
    Attacker.sparse_files_of_16_gib,
    Attacker.overflow_row_at_the_end_of_its_range,
)


class HostilePrometheus(user_case.UserCase):
    flags = ("--limit.dead-rows-per-uid", str(MOST_DEAD))

    def start_prometheus(self, name, native):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        server = live_prometheus.Prometheus(folder, self.agent.address, {name: "/metrics"}, native)
        self.enterContext(server)
        server.wait_for_scrapes()
        return server

    def setUp(self):
        super().setUp()
        self.honest = self.count(VICTIM, "shop", "counter", "orders_total", VICTIM_ADDS)
        self.count_and_die(VICTIM, "shop", "native_histogram", "wait_seconds", 2)
        self.leave_more_rows_than_one_may()
        self.servers = [self.start_prometheus("protobuf", True), self.start_prometheus("openmetrics", False)]

    def leave_more_rows_than_one_may(self):
        folded = self.folds()
        worker = self.worker_of(VICTIM, "shop")
        for row in range(VICTIM_JOBS):
            self.assertEqual(worker.say("counter", "jobs_total", 1, {"row": str(row)}), "ok")
        worker.end()
        self.await_folds(folded + 1)

    def await_scrapes(self, what):
        """A scrape that began after this call was taken by each server."""
        now = time.time()
        for server in self.servers:
            def taken(server=server):
                try:
                    return server.scraped() and (server.value("timestamp(up)") or 0) > now
                except AssertionError as error:
                    raise AssertionError(f"{what}: {error}") from None
            live_agent.until(live_prometheus.DEADLINE_S, f"a scrape of {what}", taken)

    def assert_served(self, what):
        self.await_scrapes(what)
        for server in self.servers:
            self.assertEqual(server.value("orders_total"), VICTIM_ADDS, what)
            self.assertEqual(server.value(f'sum(jobs_total{{service=~"shop|.others.@{VICTIM}"}})'), VICTIM_JOBS, what)
            self.assertEqual(server.value("min_over_time(up[1h])"), 1, f"a scrape failed: {what}")
        self.assertEqual(self.servers[0].value("histogram_count(wait_seconds)"), 1, what)
        self.assert_pages_sound(lint=False)  # names with odd texts are not to its taste

    def attack(self, act):
        name = act.__name__
        for times in ("first", "second"):
            folded = self.folds()
            attacker = Attacker(self)
            act(attacker)
            self.assert_served(f"{name}, alive, the {times} time")
            attacker.end()
            self.await_folds(folded + 1)
            self.assert_served(f"{name}, dead, the {times} time")

    def test_no_scrape_fails_whatever_a_user_does(self):
        for act in ATTACKS:
            with self.subTest(act.__name__):
                self.attack(act)
        self.restart_between_scrapes()
        self.assert_served("all of it, by the next agent")
        for server in self.servers:
            for labels, count in server.query("resets(orders_total[1h])"):
                self.assertEqual(count, 0, labels)

    def restart_between_scrapes(self):
        """A scrape of the moment without an agent is no fault of what it finds: the servers begin anew."""
        for server in self.servers:
            self.assertEqual(server.value("min_over_time(up[1h])"), 1, "a scrape failed")
            self.assertGreaterEqual(server.value("count_over_time(up[1h])"), 2 * len(ATTACKS))
        self.restart_agent()
        self.servers = [self.start_prometheus("protobuf-again", True), self.start_prometheus("text-again", False)]


if __name__ == "__main__":
    unittest.main()
