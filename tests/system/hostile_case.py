"""Two real Prometheus servers, one that takes protobuf and one that takes OpenMetrics, scrape an agent while users attack
it: no scrape fails, and the counters of another user's programs are exact.

The processes of an attack are killed and folded, other processes repeat the attack, and the agent is killed and started
again with the files that they left. Each group of attacks has a user of its own.
Called by: hostile_prometheus_test, hostile_files_prometheus_test, hostile_clients_prometheus_test.
"""
import contextlib
import os
import shutil
import signal
import stat
import subprocess
import time

import live_agent
import live_prometheus
import user_case
from user_case import VICTIM

FOLDER = os.path.dirname(os.path.abspath(__file__))
VICTIM_ADDS = 42
VICTIM_JOBS = 120
FIRST_ATTACKER = 61010
SCRAPES_EVERY_S = 5  # and the deadline of a scrape, half of Prometheus's default
GROUP_DEADLINE_S = 120
EVERY_VICTIM = rf'service=~"shop|.others.@{VICTIM}"'


class Attacker:
    """A user's processes. An act, a method, gives a condition that holds once it did its work (or None); one that holds
    after its processes' death goes into `afterwards`."""

    def __init__(self, case, uid):
        self.case, self.uid = case, uid
        self.processes, self.workers, self.afterwards = [], [], []
        self.last_words = []  # what programs said at their end

    def run(self, program, *arguments, **identity):
        """A file of this folder as a program of the user in the directory; it has said "made", and ends with its input."""
        identity = identity or {"user": self.uid, "group": self.uid}
        with open(os.path.join(FOLDER, program), encoding="utf-8") as file:
            code = file.read()
        process = subprocess.Popen(["/usr/bin/python3", "-c", code, *map(str, arguments)], cwd=self.case.agent.directory,
                                   extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **identity)
        self.processes.append(process)
        self.case.addCleanup(end_program, process)
        self.case.assertEqual(process.stdout.readline(), "made\n", arguments)

    def worker_of(self, service):
        self.workers.append(self.case.worker_of(self.uid, service))
        return self.workers[-1]

    def end(self):
        for worker in self.workers:
            worker.end()
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            self.last_words.append(process.stdout.read())
            self.case.assertEqual(process.wait(60), 0)

    def more(self, name, labels="", by=1):
        """A condition: the agent's counter has grown by so much since this call."""
        before = self.case.agent_counter(name, labels)
        return lambda: self.case.agent_counter(name, labels) >= before + by

    def more_left_out(self, reason, by=1):
        return self.more("notch_agent_conflicts_total", f'reason="{reason}"', by)

    def more_rejected(self, reason, by=1):
        return self.more("notch_agent_rejected_segments_total", f'reason="{reason}"', by)


def end_program(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


class HostileCase(user_case.UserCase):
    prometheus_lines = ""  # more of each job's
    kept_names = frozenset()  # in the directory, never to be touched

    def setUp(self):
        super().setUp()
        self.honest = self.count(VICTIM, "shop", "counter", "shop_orders_total", VICTIM_ADDS)
        self.count_and_die(VICTIM, "shop", "native_histogram", "shop_wait_seconds", 2)
        self.leave_jobs()
        self.visits = 0
        self.servers = [self.start_prometheus("protobuf", True), self.start_prometheus("openmetrics", False)]

    def leave_jobs(self):
        folded = self.folds()
        worker = self.worker_of(VICTIM, "shop")
        for row in range(VICTIM_JOBS):
            self.assertEqual(worker.say("counter", "shop_jobs_total", 1, {"row": str(row)}), "ok")
        worker.end()
        self.await_folds(folded + 1)

    def start_prometheus(self, name, native):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        server = live_prometheus.Prometheus(folder, self.agent.address, {name: "/metrics"}, native,
                                            self.prometheus_lines, SCRAPES_EVERY_S)
        self.enterContext(server)
        server.wait_for_scrapes()
        return server

    def agent_counter(self, name, labels=""):
        return self.agent.samples(name).get((name, labels), 0)

    def await_only_the_honest(self):
        """Whatever was another's is folded, rejected or left out."""
        def folded():
            states = self.agent.samples("notch_agent_segments")
            return [states["notch_agent_segments", f'state="{state}"'] for state in ("live", "dead")] == [1, 0]
        live_agent.until(GROUP_DEADLINE_S, "the folds", folded, 0.2)

    def await_scrapes(self, what):
        """A scrape that began after this call was taken by each server."""
        now = time.time()
        for server in self.servers:
            def taken(server=server):
                try:
                    return server.scraped() and (server.value("timestamp(up)") or 0) > now
                except AssertionError as error:
                    raise AssertionError(f"{what}: {error}") from None
            live_agent.until(live_prometheus.DEADLINE_S, f"a scrape of {what}", taken, 0.1)

    def assert_served(self, what):
        self.await_scrapes(what)
        for server in self.servers:
            self.assertEqual(server.value('shop_orders_total{service="shop"}'), VICTIM_ADDS, what)
            self.assertEqual(server.value(f"sum(shop_jobs_total{{{EVERY_VICTIM}}})"), VICTIM_JOBS, what)
            if self.visits:
                self.assertEqual(server.value(f"sum(shop_visits_total{{{EVERY_VICTIM}}})"), self.visits, what)
            self.assertEqual(server.value("min_over_time(up[1h])"), 1, f"a scrape failed: {what}")
        self.assertEqual(self.servers[0].value(f"sum(histogram_count(shop_wait_seconds{{{EVERY_VICTIM}}}))"), 1, what)
        self.assert_pages_sound(lint=False)  # names with odd texts are not to its taste

    def visit(self):
        """A process of the victim that comes, counts and goes amid it all."""
        self.count(VICTIM, "shop", "counter", "shop_visits_total").end()
        self.visits += 1

    def attack(self, make, uid, acts):
        """`make` is the class of attackers, each of which does one act."""
        names = ", ".join(act.__name__ for act in acts)
        for times in ("first", "second"):
            self.visit()
            attackers = [make(self, uid) for _ in acts]
            done = [act(attacker) for act, attacker in zip(acts, attackers)]
            self.visit()
            for act, condition in zip(acts, done):
                self.await_work(act, condition)
            self.assert_served(f"{names}, alive, the {times} time")
            for attacker in attackers:
                attacker.end()
            self.await_only_the_honest()
            for act, attacker in zip(acts, attackers):
                for condition in attacker.afterwards:
                    self.await_work(act, condition)
            self.assert_served(f"{names}, dead, the {times} time")
        self.restart_between_scrapes()
        self.assert_served(f"{names}, by the next agent")
        self.remove_files_of(uid)

    def await_work(self, act, condition):
        if condition:
            live_agent.until(GROUP_DEADLINE_S, f"what {act.__name__} does", condition, 0.1)

    def remove_files_of(self, uid):
        """So that groups of acts do not hide each other."""
        for entry in [entry for entry in os.scandir(self.agent.directory) if entry.name not in self.kept_names]:
            status = entry.stat(follow_symlinks=False)
            if status.st_uid == uid:
                (shutil.rmtree if stat.S_ISDIR(status.st_mode) else os.unlink)(entry.path)

    def attack_by_groups(self, make, groups):
        for number, acts in enumerate(groups):
            with self.subTest(", ".join(act.__name__ for act in acts)):
                self.attack(make, FIRST_ATTACKER + number, acts)
        for server in self.servers:
            self.assertGreater(server.value("count_over_time(up[1h])"), 3 * len(groups))
            for name in ("shop_orders_total", "shop_jobs_total", "shop_visits_total"):
                for labels, count in server.query(f"resets({name}{{{EVERY_VICTIM}}}[1h])"):
                    self.assertEqual(count, 0, (name, labels))

    @contextlib.contextmanager
    def paused_servers(self):
        """None has a scrape under way: the moment without an agent is no fault of what the agent finds."""
        for server in self.servers:
            server.process.send_signal(signal.SIGSTOP)
        try:
            yield self.agent_counter("notch_agent_http_requests_in_flight") <= 1  # this one
        finally:
            for server in self.servers:
                server.process.send_signal(signal.SIGCONT)

    def restart_between_scrapes(self):
        def restarted():
            with self.paused_servers() as idle:
                if idle:
                    self.restart_agent()
                return idle
        live_agent.until(60, "a moment without a scrape", restarted, 0.2)
