#!/usr/bin/python3
"""A live agent's page agrees with the kernel on what attached processes use, after their deaths and the agent's too.
Called by: ctest, as process_rows_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import unittest

import agent_test_case
import live_agent

SERVICE = 'service="shop"'
BYTES = "process_io_bytes_total"
WRITTEN = f'io_direction="write",{SERVICE}'


def written_bytes(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return int(dict(line.split(": ") for line in file)["wchar"])


class FiguresTestCase(agent_test_case.AgentTestCase):
    def rows(self, name):
        return {labels: value for (_, labels), value in self.agent.samples(name, "/metrics?collect[]=processes").items()}

    def await_row(self, name, labels=SERVICE):
        return live_agent.until(30, f"{name}{{{labels}}}", lambda: self.rows(name).get(labels))

    def attached_worker(self):
        worker = self.worker()
        worker.say("counter", "attached_total")
        return worker


class ByService(FiguresTestCase):
    def test_they_are_what_the_kernel_says_and_the_page_is_sound(self):
        self.agent.start_and_wait()
        workers = [self.attached_worker() for _ in range(3)]
        live_agent.until(30, "three processes", lambda: self.rows("process_thread_count") == {SERVICE: 3})
        pids = [worker.pid for worker in workers]
        pages = 0
        for pid in pids:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                pages += int(file.read().split()[0])
        # The processes rest; the agent takes another sample after the one taken before they did.
        for name, labels, truth in (
                (BYTES, WRITTEN, sum(map(written_bytes, pids))),
                ("process_unix_file_descriptor_count", SERVICE, sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)),
                ("process_memory_virtual_bytes", SERVICE, pages * os.sysconf("SC_PAGESIZE"))):
            live_agent.until(40, f"{name} {truth}", lambda n=name, l=labels, t=truth: self.rows(n)[l] == t)
        self.assert_pages_sound()

    def test_sums_stay_through_deaths_and_start_again_with_the_agent(self):
        self.agent.start_and_wait()
        dies, stays = self.attached_worker(), self.attached_worker()
        live_agent.until(30, "both processes", lambda: self.rows("process_thread_count") == {SERVICE: 2})
        before = self.rows(BYTES)[WRITTEN]
        dies.end()
        live_agent.until(30, "the death", lambda: self.rows("process_thread_count") == {SERVICE: 1})
        self.assertGreaterEqual(self.rows(BYTES)[WRITTEN], before)
        self.agent.kill()
        self.agent.start_and_wait()
        live_agent.until(30, "the one that lives", lambda: self.rows("process_thread_count") == {SERVICE: 1})
        # The scraper has the process's former use in its sums; the new agent must not count it again.
        self.assertEqual(self.rows(BYTES)[WRITTEN], 0)
        self.assertGreater(written_bytes(stays.pid), 0)

    def test_the_agents_own_figures_stay_beside_them(self):
        self.agent.start_and_wait()
        self.attached_worker()
        self.await_row("process_memory_usage_bytes")
        self.assertEqual(self.agent.samples("process_start_time_seconds").keys(), {("process_start_time_seconds", "")})
        self.assertGreater(self.await_row("process_creation_time_seconds", f'{SERVICE},which="oldest"'), 1e9)
        samples = self.agent.samples("notch_agent_process_samples_total")
        self.assertGreater(samples[("notch_agent_process_samples_total", 'outcome="read"')], 0)


class ByProcess(FiguresTestCase):
    flags = ("--per-process",)

    def test_each_has_rows_while_it_lives(self):
        self.agent.start_and_wait()
        workers = [self.attached_worker() for _ in range(2)]
        labels = [f'pid="{worker.pid}",{SERVICE}' for worker in workers]
        live_agent.until(30, "both", lambda: self.rows("process_thread_count") == dict.fromkeys(labels, 1))
        truth = written_bytes(workers[0].pid)
        live_agent.until(40, f"{truth} bytes", lambda: self.rows(BYTES)[f'io_direction="write",{labels[0]}'] == truth)
        self.assert_pages_sound()
        workers[0].end()
        live_agent.until(30, "one", lambda: self.rows("process_thread_count") == {labels[1]: 1})

    def test_rows_are_the_same_after_a_restart_of_the_agent(self):
        self.agent.start_and_wait()
        worker = self.attached_worker()
        labels = f'io_direction="write",pid="{worker.pid}",{SERVICE}'
        truth = written_bytes(worker.pid)
        for _ in range(2):
            live_agent.until(40, f"{truth} bytes", lambda: self.rows(BYTES).get(labels) == truth)
            self.agent.kill()
            self.agent.start_and_wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
