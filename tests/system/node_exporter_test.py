#!/usr/bin/python3
"""The agent's host families against those of the real node_exporter, on this machine, at this moment: node_exporter is
scraped between two scrapes of the agent, so that what only grows must lie between them.
Called by: ctest, as node_exporter_test.py NOTCHD SPOKEN_WORKER.
"""
import http.client
import os
import re
import shutil
import subprocess
import sys
import unittest

import agent_test_case
import live_agent
import page_judges

ROUNDS = 25

# What node_exporter serves and the agent does not: a beginning of its names, and why.
NOT_SERVED = {
    "go_": "of node_exporter's own runtime",
    "process_": "of node_exporter's own process; the agent has its own",
    "promhttp_": "of node_exporter's own server",
    "node_exporter_build_info": "of node_exporter itself; the agent has notch_agent_build_info",
    "node_textfile_": "no text files are read: whoever has figures has a segment",
    "node_systemd_": "asks another program over D-Bus",
    "node_disk_filesystem_info": "udev's view of what is on a disk",
    "node_disk_device_mapper_info": "udev's view of a mapped disk",
    "node_disk_ata_": "udev's view of an ATA disk",
    "node_cpu_core_throttles_total": "of certain processors on bare machines",
    "node_cpu_package_throttles_total": "of certain processors on bare machines",
    "node_cpu_info": "off by default in node_exporter",
    "node_hwmon_sensor_label": "a sensor's second name",
    **{f"node_{name}_": "of hardware and file systems that few hosts have" for name in (
        "bcache", "bonding", "btrfs", "edac", "fibrechannel", "infiniband", "ipvs", "md", "nfs", "nfsd", "nvme",
        "power_supply", "rapl", "tape", "xfs", "zfs")},
}
# Their values are of node_exporter's own doing, not of the host.
OWN_VALUES = ("node_scrape_collector_duration_seconds",)
# Moved by everything on the machine, this test included; the share by which they may differ then.
MOVING = {"node_memory_": 0.05, "node_filefd_allocated": 0.3, "node_sockstat_": 0.5, "node_load": 0.3,
          "node_filesystem_": 0.001, "node_timex_": 0.05, "node_entropy_": 0.1}
# At any moment anything: only their presence is compared.
FLEETING = ("node_procs_running", "node_procs_blocked", "node_disk_io_now", "node_udp_queues", "node_nf_conntrack_entries",
            "node_memory_Dirty_bytes", "node_memory_Writeback_bytes", "node_memory_Active_bytes", "node_memory_Inactive_bytes",
            "node_memory_Zswap_bytes", "node_netstat_Tcp_CurrEstab", "node_sockstat_TCP_tw", "node_sockstat_TCP_mem",
            "node_sockstat_TCP_mem_bytes", "node_sockstat_UDP_mem", "node_sockstat_UDP_mem_bytes")

# What the always visible part of the dashboard "Node Exporter Full" asks for.
DASHBOARD = """
node_boot_time_seconds node_time_seconds node_cpu_seconds_total node_load1 node_load5 node_load15
node_filesystem_avail_bytes node_filesystem_size_bytes node_filesystem_free_bytes
node_memory_MemAvailable_bytes node_memory_MemTotal_bytes node_memory_SwapFree_bytes node_memory_SwapTotal_bytes
node_memory_Buffers_bytes node_memory_Cached_bytes node_memory_MemFree_bytes node_memory_SReclaimable_bytes
node_memory_PageTables_bytes node_memory_Slab_bytes node_memory_SwapCached_bytes
node_network_receive_bytes_total node_network_transmit_bytes_total node_network_speed_bytes
node_cpu_guest_seconds_total node_disk_io_time_seconds_total node_disk_read_bytes_total node_disk_written_bytes_total
node_disk_reads_completed_total node_disk_writes_completed_total node_context_switches_total node_intr_total
node_entropy_available_bits node_uname_info
node_vmstat_pgfault node_vmstat_pgmajfault node_vmstat_pgpgin node_vmstat_pgpgout node_vmstat_oom_kill
""".split()
# And these where the kernel or the hardware has them: the file that says so.
DASHBOARD_IF = {
    "node_pressure_cpu_waiting_seconds_total": "/proc/pressure/cpu",
    "node_pressure_io_waiting_seconds_total": "/proc/pressure/io",
    "node_pressure_io_stalled_seconds_total": "/proc/pressure/io",
    "node_pressure_memory_waiting_seconds_total": "/proc/pressure/memory",
    "node_pressure_memory_stalled_seconds_total": "/proc/pressure/memory",
    "node_pressure_irq_stalled_seconds_total": "/proc/pressure/irq",
    "node_schedstat_running_seconds_total": "/proc/schedstat",
    "node_schedstat_waiting_seconds_total": "/proc/schedstat",
    "node_schedstat_timeslices_total": "/proc/schedstat",
    "node_cpu_scaling_frequency_hertz": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
}


class NodeExporter:
    """Debian's, on a free port, gone with the test."""

    def __init__(self, test):
        program = shutil.which("prometheus-node-exporter")
        if program is None:
            sys.exit("prometheus-node-exporter is missing: install the Debian package of this name")
        self.port = live_agent.free_port()
        self.process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        test.addCleanup(self.end)
        live_agent.until(30, "node_exporter's first page", self.scrape)

    def scrape(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read()
        except OSError:
            return None
        finally:
            connection.close()

    def end(self):
        self.process.kill()
        self.process.wait()


def rows_of(family):
    return {(sample.name, frozenset((k, v) for k, v in sample.labels.items() if v)): sample.value
            for sample in family.samples}


def share_of(name):
    return next((share for prefix, share in MOVING.items() if name.startswith(prefix)), 0)


def agrees(name, first, node, last):
    """What is wrong with a family's rows, or nothing."""
    if not set(first) & set(last) <= set(node) <= set(first) | set(last):
        return f"rows {sorted(map(str, set(node) ^ set(first)))}"
    if name in OWN_VALUES or name in FLEETING:
        return None
    for row, value in node.items():
        bounds = [page[row] for page in (first, last) if row in page]
        slack = 1e-9 * abs(value) + share_of(name) * max(abs(value), *map(abs, bounds))
        if not min(bounds) - slack <= value <= max(bounds) + slack:
            return f"{row}: {value} of node_exporter, {bounds} of the agent"
    return None


class SameFamilies(agent_test_case.AgentTestCase):
    flags = ("--ebpf=off", "--log.level", "warn")

    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()

    def page(self):
        return page_judges.text(self.agent.get("/metrics?collect[]=host").body)

    def test_what_both_serve_is_the_same(self):
        exporter = NodeExporter(self)
        wrong, compared = {}, set()
        for _ in range(ROUNDS):
            first, node, last = self.page(), page_judges.text(exporter.scrape()), self.page()
            collectors = {sample.labels["collector"] for sample in first["node_scrape_collector_success"].samples}
            if not compared:
                self.assert_only_known_are_missing(node, first)
            for name in sorted(set(node) & set(first)):
                if name in compared:
                    continue
                rows = rows_of(node[name])
                if name.startswith("node_scrape_collector_"):
                    rows = {row: value for row, value in rows.items() if dict(row[1])["collector"] in collectors}
                    ours = {row: value for row, value in rows_of(first[name]).items() if row in rows}
                    fault = agrees(name, ours, rows, ours)
                else:
                    self.assertEqual(first[name].documentation, node[name].documentation, name)
                    fault = agrees(name, rows_of(first[name]), rows, rows_of(last[name]))
                self.assertEqual(first[name].type, node[name].type, name)
                wrong[name] = fault
                if fault is None:
                    compared.add(name)
        left = {name: fault for name, fault in wrong.items() if name not in compared}
        self.assertEqual(left, {})
        self.assertGreater(len(compared), 150)
        print(f"{len(compared)} families agree")

    def assert_only_known_are_missing(self, node, ours):
        unknown = [name for name in sorted(set(node) - set(ours)) if not name.startswith(tuple(NOT_SERVED))]
        self.assertEqual(unknown, [], "neither served nor listed with a reason")

    def test_the_page_satisfies_its_judges(self):
        self.assert_pages_sound()

    def test_the_dashboard_finds_what_it_asks_for(self):
        page = self.agent.get("/metrics").body.decode()
        names = set(re.findall(r"^(node_\w+)[ {]", page, re.MULTILINE))
        wanted = DASHBOARD + [name for name, file in DASHBOARD_IF.items() if os.path.exists(file)]
        with open("/proc/meminfo", encoding="ascii") as file:
            if "HardwareCorrupted:" in file.read():
                wanted.append("node_memory_HardwareCorrupted_bytes")
        self.assertEqual([name for name in wanted if name not in names], [])


class Chosen(agent_test_case.AgentTestCase):
    def names(self, *flags, query=""):
        agent = self.new_agent("--ebpf=off", *flags, name=f"chosen{len(os.listdir(self.folder))}")
        agent.start_and_wait()
        page = agent.get("/metrics?" + (query or "collect[]=host")).body.decode()
        return set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))

    def test_a_query_takes_one_and_leaves_out_another(self):
        alone = self.names(query="collect[]=loadavg")
        self.assertEqual(alone, {"node_load1", "node_load5", "node_load15", "node_scrape_collector_duration_seconds",
                                 "node_scrape_collector_success"})
        without = self.names(query="exclude[]=cpu")
        self.assertIn("node_load1", without)
        self.assertNotIn("node_cpu_seconds_total", without)

    def test_another_prefix_and_none(self):
        names = self.names("--host.prefix", "host_")
        self.assertIn("host_cpu_seconds_total", names)
        self.assertFalse([name for name in names if name.startswith("node_")])
        self.assertIn("otlp_system_tasks_count", names)
        self.assertEqual(self.names("--host.collectors", "none", query="exclude[]=agent&exclude[]=ebpf"), set())
        few = self.names("--host.collectors", "cpu,otlp_system")
        self.assertIn("node_cpu_seconds_total", few)
        self.assertIn("otlp_system_tasks_count", few)
        self.assertNotIn("node_load1", few)


class Broken(agent_test_case.AgentTestCase):
    """Over a /proc that lacks almost everything."""

    def setUp(self):
        super().setUp()
        procfs = os.path.join(self.folder, "proc")
        os.mkdir(procfs)
        with open(os.path.join(procfs, "loadavg"), "w", encoding="ascii") as file:
            file.write("0.25 0.5 1.5 1/100 4711\n")
        with open(os.path.join(procfs, "meminfo"), "w", encoding="ascii") as file:
            file.write("nonsense\n")
        self.agent = self.new_agent("--ebpf=off", "--path.procfs", procfs)
        self.agent.start_and_wait()

    def test_one_that_fails_leaves_the_page_whole_and_is_told_once(self):
        for _ in range(3):
            found = self.agent.samples("node_")
        self.assertEqual(found["node_load5", ""], 0.5)
        for collector, success in (("loadavg", 1), ("meminfo", 0), ("cpu", 0), ("diskstats", 0)):
            self.assertEqual(found["node_scrape_collector_success", f'collector="{collector}"'], success, collector)
        errors = self.agent.samples("notch_agent_host_collector_errors_total")
        self.assertGreaterEqual(errors["notch_agent_host_collector_errors_total", 'collector="cpu"'], 3)
        self.assertEqual(self.agent.log().count("collector meminfo: meminfo:"), 1)
        self.assert_pages_sound()


if __name__ == "__main__":
    unittest.main()
