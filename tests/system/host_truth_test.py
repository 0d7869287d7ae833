#!/usr/bin/python3
"""Compares the figures of the host, of attached processes and of their cgroups with events that the test causes, and prints
the error of each figure. Runs in a network namespace of its own, where no other program has connections.
Called by: ctest, as host_truth_test.py NOTCHD SPOKEN_WORKER KERNEL_LOAD. Needs root.
"""
import contextlib
import ctypes
import glob
import mmap
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ebpf"))

KERNEL_LOAD = sys.argv.pop(3)

import agent_test_case  # noqa: E402  (found through the line above)
import kernel_load  # noqa: E402
import live_agent  # noqa: E402
import memory_group  # noqa: E402
import text_page  # noqa: E402

BUILD = os.path.dirname(os.path.abspath(KERNEL_LOAD))
SERVICE = 'service="load"'
MIB = 1 << 20
CLONE_NEWNET = 0x40000000


class HostTruth(agent_test_case.AgentTestCase):
    flags = ("--ebpf=off", "--log.level", "warn")

    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()

    def attached_load(self):
        load = kernel_load.Load(KERNEL_LOAD, self.agent.directory)
        self.addCleanup(load.end)
        return load

    def page(self, collector):
        return self.agent.samples(path=f"/metrics?collect[]={collector}")

    def assert_within(self, figure, shown, truth, error, unit=""):
        kernel_load.report(figure, shown, truth, unit)
        self.assertLessEqual(abs(shown - truth), error, figure)


class Processor(HostTruth):
    def test_what_was_burnt_is_there_and_all_modes_are_the_time_that_passed(self):
        load = self.attached_load()
        clock, start = int(load.do("clock")), time.monotonic()
        before, inner = self.page("cpu"), time.monotonic()
        load.do("burn", os.cpu_count(), 800)
        inner = time.monotonic() - inner
        after, outer = self.page("cpu"), time.monotonic() - start
        burnt = (int(load.do("clock")) - clock) / 1e9
        grown = {labels: value - before[name, labels] for (name, labels), value in after.items()
                 if name == "node_cpu_seconds_total"}
        busy = sum(value for labels, value in grown.items() if labels.endswith(('mode="user"', 'mode="nice"', 'mode="system"')))
        kernel_load.report("node_cpu, user, nice and system (others' too)", busy, burnt, " s")
        self.assertGreaterEqual(busy, 0.9 * burnt)
        cpus = len({labels.split(",")[0] for labels in grown})
        self.assertEqual(cpus, os.sysconf("SC_NPROCESSORS_ONLN"))
        elapsed = cpus * (inner + outer) / 2
        self.assert_within("node_cpu, all modes", sum(grown.values()), elapsed, 0.05 * elapsed + cpus * (outer - inner))


class Name(HostTruth):
    """In a UTS namespace of its own, for this host keeps its name."""

    def setUp(self):
        agent_test_case.AgentTestCase.setUp(self)
        self.agent.command = ["unshare", "--uts", *self.agent.command]
        self.agent.start_and_wait()

    def nodename(self):
        labels, = [labels for name, labels in self.page("uname") if name == "node_uname_info"]
        return re.search(r'nodename="([^"]*)"', labels)[1]

    def test_a_new_name_of_the_host_is_shown_at_the_next_scrape(self):
        self.assertEqual(self.nodename(), socket.gethostname())
        subprocess.run(["nsenter", "-t", str(self.agent.process.pid), "--uts", "hostname", "renamed"], check=True, timeout=30)
        self.assertEqual(self.nodename(), "renamed")
        self.assertNotEqual(socket.gethostname(), "renamed")


class OtherNamespace(HostTruth):
    """As in a container: the host's /proc stands elsewhere, and the network is the container's."""

    def setUp(self):
        agent_test_case.AgentTestCase.setUp(self)
        procfs = os.path.join(self.folder, "proc")
        os.symlink("/proc", procfs)
        self.agent = self.new_agent(*self.flags, "--path.procfs", procfs, name="elsewhere")
        self.agent.start_and_wait()

    def received(self, process):
        with open(f"/proc/{process}/net/dev", encoding="ascii") as file:
            lines = [line.rpartition(":")[::2] for line in file.readlines()[2:]]
        return {device.strip(): int(numbers.split()[0]) for device, numbers in lines}

    def test_the_networks_figures_are_the_hosts(self):
        before, page, after = self.received(1), self.page("netdev"), self.received(1)
        shown = {labels: value for (name, labels), value in page.items() if name == "node_network_receive_bytes_total"}
        self.assertEqual(set(shown), {f'device="{device}"' for device in before})
        for device, value in before.items():
            self.assertTrue(value <= shown[f'device="{device}"'] <= after[device], device)
        self.assertGreater(shown['device="lo"'], self.received("self")["lo"], "the test's own network has done as much")


class Process(HostTruth):
    def test_one_that_burns_holds_and_writes(self):
        load = self.attached_load()
        path = os.path.join(BUILD, f"direct-{os.getpid()}")
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        load.do("hold", 96)
        load.do("write", path, 1000)
        load.do("burn", 2, 300)
        burnt = int(load.do("clock")) / 1e9
        self.await_a_sample()
        page = self.page("processes")
        self.assert_within("process_cpu_time", text_page.total(page, "process_cpu_time_seconds_total", SERVICE), burnt, 0.03,
                           " s")
        resident = self.resident_bytes(load.process.pid)
        self.assertGreater(resident, 96 * MIB)
        self.assert_within("process_memory_usage", page["process_memory_usage_bytes", SERVICE], resident, MIB, " bytes")
        written = 1000 * 4096
        for name, direction, most_beside in (("process_io_bytes_total", "io_direction", 4096),
                                             ("process_disk_io_bytes_total", "disk_io_direction", MIB)):
            shown = page[name, f'{direction}="write",{SERVICE}']
            kernel_load.report(f"{name}, written", shown, written, " bytes")
            if name.startswith("process_disk") and shown == 0:
                continue  # the folder is in memory
            self.assertGreaterEqual(shown, written)
            self.assertLessEqual(shown, written + most_beside)

    def await_a_sample(self):
        """One that began after the process came to rest."""
        def read():
            name = "notch_agent_process_samples_total"
            return self.agent.samples(name).get((name, 'outcome="read"'), 0)
        time.sleep(0.2)  # what has begun is over
        before = read()
        live_agent.until(40, "a sample of the process", lambda: read() > before, pause_s=0.1)

    @staticmethod
    def resident_bytes(pid):
        """By its page tables, not by the counters that statm adds up."""
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Rss:")) * 1024


class Memory(HostTruth):
    TURNS, BYTES = 7, 256 * MIB

    def test_what_is_touched_is_anonymous_or_shared(self):
        """Others take and give back meanwhile: the median of several turns counts."""
        for name, kind in (("node_memory_AnonPages_bytes", mmap.MAP_PRIVATE), ("node_memory_Shmem_bytes", mmap.MAP_SHARED)):
            moved = []
            for _ in range(self.TURNS):
                before = self.page("meminfo")
                with mmap.mmap(-1, self.BYTES, flags=kind | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
                    held = self.page("meminfo")
                moved.append(held[name, ""] - (before[name, ""] + self.page("meminfo")[name, ""]) / 2)
            self.assert_within(name, statistics.median(moved), self.BYTES, 0.1 * self.BYTES, " bytes")

    def test_what_there_is_and_what_is_free_are_what_sysinfo_says(self):
        page, size = self.page("meminfo"), os.sysconf("SC_PAGE_SIZE")
        total = size * os.sysconf("SC_PHYS_PAGES")
        self.assert_within("node_memory_MemTotal", page["node_memory_MemTotal_bytes", ""], total, 0, " bytes")
        self.assert_within("node_memory_MemFree", page["node_memory_MemFree_bytes", ""], size * os.sysconf("SC_AVPHYS_PAGES"),
                           0.05 * total, " bytes")


def sectors_written():
    """Of all disks, as each says itself."""
    written = {}
    for path in glob.glob("/sys/block/*/stat"):
        with open(path, encoding="ascii") as file:
            written[path.split("/")[3]] = int(file.read().split()[6])
    return written


class Disk(HostTruth):
    def test_bytes_written_past_the_cache(self):
        load = self.attached_load()
        path = os.path.join(BUILD, f"direct-{os.getpid()}")
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        outer, before, inner = sectors_written(), self.page("diskstats"), sectors_written()
        load.do("write", path, 1000)
        inner_end, after, outer_end = sectors_written(), self.page("diskstats"), sectors_written()
        device = max(inner, key=lambda name: inner_end.get(name, 0) - inner[name])
        if 512 * (inner_end[device] - inner[device]) < 1000 * 4096:
            self.skipTest(f"{BUILD} is on no disk that counts")

        def grown(name):
            return after[name, f'device="{device}"'] - before[name, f'device="{device}"']
        written = grown("node_disk_written_bytes_total")
        kernel_load.report("node_disk_written (others' too)", written, 1000 * 4096, " bytes")
        self.assertGreaterEqual(written, 512 * (inner_end[device] - inner[device]))
        self.assertLessEqual(written, 512 * (outer_end[device] - outer[device]))
        self.assertGreaterEqual(grown("node_disk_writes_completed_total"), 1000)


class Connections(HostTruth):
    COUNT = 200

    def test_both_ends_of_each_are_in_use(self):
        with contextlib.ExitStack() as open_sockets:
            listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=self.COUNT))
            before = {**self.page("sockstat"), **self.page("netstat")}
            for _ in range(self.COUNT):
                open_sockets.enter_context(socket.create_connection(listener.getsockname()))
                open_sockets.enter_context(listener.accept()[0])
            after = {**self.page("sockstat"), **self.page("netstat")}
        # Two scrapes lie between: one connection is opened for each, and may not have gone yet.
        for name, truth, error in (("node_sockstat_TCP_inuse", 2 * self.COUNT, 2),
                                   ("node_netstat_Tcp_CurrEstab", 2 * self.COUNT, 2),
                                   ("node_netstat_Tcp_ActiveOpens", self.COUNT + 2, 0),
                                   ("node_netstat_Tcp_PassiveOpens", self.COUNT + 2, 0)):
            self.assert_within(name, after[name, ""] - before[name, ""], truth, error)


class Cgroup(HostTruth):
    def joined(self, load, limit_mib):
        """Of its own, and the label its rows have."""
        memory = memory_group.memory_group(limit_mib * MIB)
        if memory is None:
            self.skipTest("no memory controller to make a cgroup in")
        for group in [memory] if memory.is_v2 else [memory, memory_group.cpu_group()]:
            self.addCleanup(group.remove)
            group.take(load.process.pid)
        self.assertIn(("cgroup_service_info", f'cgroup="{memory.path}",{SERVICE}'), self.page("cgroups"))
        return memory, f'cgroup="{memory.path}"'

    def test_processor_and_memory_are_the_processes(self):
        load = self.attached_load()
        live_agent.until(20, "its segment", lambda: any("load" in labels for _, labels in self.page("cgroups")))
        _, label = self.joined(load, 512)
        before, clock = self.page("cgroups"), int(load.do("clock"))
        load.do("hold", 64)
        load.do("burn", 2, 200)
        burnt, after = (int(load.do("clock")) - clock) / 1e9, self.page("cgroups")
        for name, truth, error, unit in (("cgroup_cpu_usage_seconds_total", burnt, 0.01, " s"),
                                         ("cgroup_memory_usage_bytes", 64 * MIB, 2 * MIB, " bytes")):
            self.assert_within(name, after[name, label] - before[name, label], truth, error, unit)

    def test_kills_for_want_of_memory_are_the_hosts_and_the_cgroups(self):
        load = self.attached_load()
        live_agent.until(20, "its segment", lambda: any("load" in labels for _, labels in self.page("cgroups")))
        group, label = self.joined(load, 48)
        name, host = "cgroup_memory_oom_kills_total", "node_vmstat_oom_kill"
        before = {**self.page("cgroups"), **self.page("vmstat")}
        for _ in range(3):
            self.assertEqual(load.do("fill", group.procs, 256), str(int(signal.SIGKILL)))
        after = {**self.page("cgroups"), **self.page("vmstat")}
        self.assert_within(name, after[name, label] - before[name, label], 3, 0)
        kernel_load.report(f"{host} (others' too)", after[host, ""] - before[host, ""], 3)
        self.assertGreaterEqual(after[host, ""] - before[host, ""], 3)
        self.assertLessEqual(after[host, ""] - before[host, ""], 6)


def enter_own_network():
    """This process, and what it starts."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        print("skipped: host_truth_test: a network namespace of its own is root's")
        sys.exit(77)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


if __name__ == "__main__":
    enter_own_network()
    unittest.main(verbosity=2)
