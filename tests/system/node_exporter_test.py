#!/usr/bin/python3
"""Compares the agent's host families with those of a real node_exporter on this machine. node_exporter is scraped between
two scrapes of the agent, so that each value that only grows must lie between the agent's two. The test also compares
both on a tree of sensors. NOTCH_NODE_EXPORTER names the program (default: Debian's). It may be any version from 1.5 on;
the rules below say how versions differ.
Called by: ctest, as node_exporter_test.py NOTCHD SPOKEN_WORKER.
"""
import http.client
import json
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
    "node_textfile_": "no text files are read: whoever has figures has a segment",
    "node_systemd_": "asks another program over D-Bus",
    "node_disk_filesystem_info": "udev's view of what is on a disk",
    "node_disk_device_mapper_info": "udev's view of a mapped disk",
    "node_disk_ata_": "udev's view of an ATA disk",
    "node_filesystem_purgeable_bytes": "macOS alone has it; a 0 here",
    "node_cpu_core_throttles_total": "of certain processors on bare machines",
    "node_cpu_package_throttles_total": "of certain processors on bare machines",
    "node_cpu_info": "off by default in node_exporter",
    **{f"node_{name}_": "of hardware and file systems that few hosts have" for name in (
        "bcache", "bcachefs", "bonding", "btrfs", "edac", "fibrechannel", "infiniband", "ipvs", "kernel_hung", "md", "nfs",
        "nfsd", "nvme", "power_supply", "rapl", "tape", "watchdog", "xfs", "zfs")},
}
# Their values are of node_exporter's own doing, not of the host.
OWN_VALUES = ("node_scrape_collector_duration_seconds",)
# Its labels and its help are of the exporter that serves it.
OF_THE_EXPORTER = ("node_exporter_build_info",)

# Since which version node_exporter tells a label that the agent's rows have too. It has "rotational" since 1.9, and until
# 1.12 "0" for every disk where one of the thirty files it read on the way is not there.
LABELS_SINCE = {("node_network_info", "adminstate"): (1, 6), ("node_disk_info", "rotational"): (1, 12)}
# What was not yet so, or not right, from one version on and before another.
COLLECTOR_FAULTS = {"pressure": ((1, 9), (1, 9, 1))}  # fails where the kernel has no pressure of interrupts
FAMILY_FAULTS = {
    "node_disk_info": ((0,), (1, 6)),  # knew one of the three kinds of serial numbers
    "node_filesystem_readonly": ((1, 10), (1, 12)),  # read "ro,relatime" as "rorelatime"
}
# What upstream's releases leave out by default. Debian's programs have other patterns for some of them, older versions too.
PATTERNS = {
    "filesystem.mount-points-exclude":
        "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "filesystem.fs-types-exclude":
        "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|"
        "proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$",
    "diskstats.device-exclude": r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    "netclass.ignored-devices": "^$",
    "netdev.device-exclude": "",
    "netstat.fields":
        "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|"
        "Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|"
        "PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
    "vmstat.fields": "^(oom_kill|pgpg|pswp|pg.*fault).*",
}
# Debian's patch, in every version.
PATCHED = ("filesystem.mount-points-exclude", "netdev.device-exclude")
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


PROGRAM = os.environ.get("NOTCH_NODE_EXPORTER") or shutil.which("prometheus-node-exporter")
if PROGRAM is None:
    sys.exit("prometheus-node-exporter is missing: install the Debian package of this name")


def told_by_program(flag):
    run = subprocess.run([PROGRAM, flag], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, text=True, timeout=60)
    return run.stdout


VERSION = tuple(int(part) for part in re.search(r"version (\d+)\.(\d+)\.(\d+)", told_by_program("--version")).groups())


def defaults_of(help_text):
    """Of flags --collector.NAME; node_exporter writes a string as Go does."""
    found = re.findall(r'^ *--collector\.(\S+?)(?: REGEX)?=(".*"|\S+)', help_text, re.MULTILINE)
    return {name: json.loads(value) if value.startswith('"') else value for name, value in found}


class NodeExporter:
    """On a free port, gone with the test; with upstream's patterns."""

    def __init__(self, test, *flags):
        self.port = live_agent.free_port()
        patterns = [f"--collector.{name}={pattern}" for name, pattern in PATTERNS.items()]
        given = [flag.partition("=")[0].replace("-include", "-exclude") for flag in flags]
        patterns = [pattern for pattern in patterns if pattern.partition("=")[0] not in given]
        self.process = subprocess.Popen(
            [PROGRAM, f"--web.listen-address=127.0.0.1:{self.port}", *patterns, *flags],
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
    younger = {label for (name, label), since in LABELS_SINCE.items() if name == family.name and VERSION < since}
    return {(sample.name, frozenset((k, v) for k, v in sample.labels.items() if v and k not in younger)): sample.value
            for sample in family.samples}


def has_fault(faults, name):
    """In the version that runs."""
    first, mended = faults.get(name, (VERSION, VERSION))
    return first <= VERSION < mended


def share_of(name):
    return next((share for prefix, share in MOVING.items() if name.startswith(prefix)), 0)


def agrees(name, first, node, last):
    """What is wrong with a family's rows, or nothing."""
    if has_fault(FAMILY_FAULTS, name):
        return None
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
            collectors = {collector for collector in collectors if not has_fault(COLLECTOR_FAULTS, collector)}
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
                elif name in OF_THE_EXPORTER:
                    fault = None if len(first[name].samples) == len(node[name].samples) == 1 else "not one row"
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

    @unittest.skipIf(VERSION < (1, 11), "the defaults of older versions are others")
    def test_what_is_left_out_by_default_is_what_upstream_leaves_out(self):
        ours = defaults_of(subprocess.run([agent_test_case.NOTCHD, "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout)
        theirs = defaults_of(told_by_program("--help"))
        for name, pattern in PATTERNS.items():
            self.assertEqual(ours.get(name, ""), pattern, name)
            if name not in PATCHED:
                self.assertEqual(theirs.get(name, ""), pattern, name)

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


class Filtered(agent_test_case.AgentTestCase):
    """By the same flags the same is shown."""

    def rows(self, families):
        """By family of which a flag decides: the devices or names that there are."""
        told = {"node_network_receive_bytes": "device", "node_network_up": "device", "node_disk_io_now": "device",
                "node_filesystem_readonly": "mountpoint", "node_arp_entries": "device"}
        shown = {name: sorted(sample.labels[label] for sample in families[name].samples) if name in families else []
                 for name, label in told.items()}
        shown["fields"] = sorted(name for name in families if name.startswith(("node_netstat_", "node_vmstat_")))
        return shown

    def agree(self, *flags):
        agent = self.new_agent("--ebpf=off", *flags, name=f"filtered{len(os.listdir(self.folder))}")
        agent.start_and_wait()
        exporter = NodeExporter(self, *flags)
        ours, theirs = page_judges.text(agent.get("/metrics?collect[]=host").body), page_judges.text(exporter.scrape())
        self.assertEqual(self.rows(ours), self.rows(theirs), flags)
        return self.rows(ours)

    def test_flags_mean_what_they_mean_to_node_exporter(self):
        shown = self.agree("--collector.netdev.device-exclude=^l", "--collector.netclass.ignored-devices=o",
                           "--collector.diskstats.device-exclude=", "--collector.filesystem.mount-points-exclude=^/.+",
                           "--collector.netstat.fields=^Udp_.*s$", "--collector.vmstat.fields=steal")
        self.assertNotIn("lo", shown["node_network_receive_bytes"] + shown["node_network_up"])
        self.assertEqual(shown["node_filesystem_readonly"], ["/"])
        self.assertIn("node_netstat_Udp_NoPorts", shown["fields"])
        # An include takes the place of the default exclusion. Of node_exporter's disks that had to be said before 1.11, and
        # may not be said in 1.11; Debian's 1.5 has a default of its own for network devices.
        no_default = ("--collector.diskstats.device-exclude=",) if VERSION < (1, 11) else ()
        shown = self.agree("--collector.netdev.device-include=^lo$", "--collector.netdev.device-exclude=",
                           "--collector.diskstats.device-include=a", *no_default,
                           "--collector.filesystem.fs-types-exclude=^[^t]")
        self.assertEqual(shown["node_network_receive_bytes"], ["lo"])

    def test_lo_and_the_mounts_of_a_data_disk_are_shown(self):
        shown = self.agree()
        self.assertIn("lo", shown["node_network_receive_bytes"])
        with open("/proc/1/mountinfo", encoding="utf-8") as file:
            points = [line.split()[4] for line in file if " - tmpfs " in line or " - ext4 " in line]
        for point in points:
            if point.startswith(("/run/", "/mnt/", "/media/")) and not point.startswith("/run/credentials/"):
                self.assertIn(point, shown["node_filesystem_readonly"])


SENSORS = {
    "devices/platform/coretemp.0/hwmon/hwmon3": {
        "name": "coretemp", "temp1_label": "Package id 0", "temp1_input": "38000", "temp1_max": "80000", "temp1_crit": "100000",
        "temp1_crit_alarm": "0", "temp1_crit_hyst": "95000", "temp1_type": "4", "temp2_input": "-5500", "temp2_fault": "1",
        "update_interval": "1000", "uevent": "", "temp3x": "5", "temp4_input": "no number"},
    "devices/platform/nct6775.656/hwmon/hwmon0": {
        "name": "NCT-6775", "in0_input": "912", "in0_min": "0", "in1_alarm": "1", "cpu0_vid": "1100", "fan1_input": "1200",
        "fan1_target": "1300", "fan1_div": "4", "fan1_alarm": "0", "fan1_beep": "1", "pwm1": "128", "pwm1_enable": "5",
        "pwm1_auto_point1_pwm": "90", "intrusion0_alarm": "1", "intrusion0_beep": "0", "beep_enable": "1", "vrm": "91",
        "humidity1_input": "45000000"},
    # An older driver: its sensors are the device's.
    "devices/pci0000:00/0000:00:18.3": {"temp1_input": "41250", "temp1_max": "70000", "vendor": "0x1022", "power_state": "D0"},
    "devices/pci0000:00/0000:00:18.3/hwmon/hwmon7": {"name": "k10temp"},
    "devices/LNXSYSTM:00/ACPI000D:00/hwmon/hwmon1": {
        "name": "power_meter", "power1_average": "123456789", "power1_average_interval": "1000",
        "power1_average_interval_max": "300000", "power1_accuracy": "990000", "power1_cap": "250000000",
        "power1_is_battery": "0", "energy1_input": "987654321", "curr1_input": "1500", "curr1_label": "total"},
    "devices/virtual/thermal/thermal_zone0/hwmon2": {"name": "acpitz", "temp1_input": "27800"},
}


class Sensors(agent_test_case.AgentTestCase):
    """Over a /sys of the test's own, as the kernel lays it out."""

    def setUp(self):
        super().setUp()
        self.sysfs = os.path.join(self.folder, "sys")
        chips = os.path.join(self.sysfs, "class/hwmon")
        os.makedirs(chips)
        for folder, files in SENSORS.items():
            path = os.path.join(self.sysfs, folder)
            os.makedirs(path, exist_ok=True)
            for name, text in files.items():
                with open(os.path.join(path, name), "w", encoding="utf-8") as file:
                    file.write(text + "\n")
            parent, _, name = path.rpartition("/")
            if name.startswith("hwmon"):
                os.symlink(os.path.relpath(path, chips), os.path.join(chips, name))
                if parent.endswith("/hwmon"):
                    os.symlink("../..", os.path.join(path, "device"))

    def sensors(self, *flags):
        flags = (f"--path.sysfs={self.sysfs}", *flags)
        agent = self.new_agent("--ebpf=off", *flags, name=f"sensors{len(os.listdir(self.folder))}")
        agent.start_and_wait()
        exporter = NodeExporter(self, *flags, "--collector.disable-defaults", "--collector.hwmon")
        pages = [agent.get("/metrics?collect[]=hwmon").body, exporter.scrape()]
        ours, theirs = ({name: family for name, family in page_judges.text(page).items() if name.startswith("node_hwmon_")}
                        for page in pages)
        self.assertGreater(len(ours), 0)
        return ours, theirs

    def assert_same(self, ours, theirs):
        self.assertEqual(set(ours), set(theirs))
        for name, family in theirs.items():
            self.assertEqual((ours[name].type, ours[name].documentation), (family.type, family.documentation))
            found, wanted = rows_of(ours[name]), rows_of(family)
            self.assertEqual(set(found), set(wanted), name)
            for row, value in wanted.items():
                self.assertAlmostEqual(found[row], value, delta=1e-9 * abs(value), msg=row)

    def test_chips_sensors_names_and_units(self):
        ours, theirs = self.sensors()
        self.assert_same(ours, theirs)
        self.assertGreater(sum(len(family.samples) for family in ours.values()), 40)

    @unittest.skipIf(VERSION < (1, 9), "has no filters of sensors")
    def test_filters_of_chips_and_sensors(self):
        ours, theirs = self.sensors("--collector.hwmon.chip-exclude=^pci", "--collector.hwmon.sensor-include=;(temp|fan)1$")
        self.assert_same(ours, theirs)
        self.assertEqual({sample.labels["chip"] for sample in ours["node_hwmon_temp_celsius"].samples},
                         {"platform_coretemp_0", "acpitz"})


class Chosen(agent_test_case.AgentTestCase):
    def names(self, *flags, query=""):
        agent = self.new_agent("--ebpf=off", *flags, name=f"chosen{len(os.listdir(self.folder))}")
        agent.start_and_wait()
        page = agent.get("/metrics?" + (query or "collect[]=host")).body.decode()
        return set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))

    def test_a_query_takes_one_and_leaves_out_another(self):
        alone = self.names(query="collect[]=loadavg")
        self.assertEqual(alone, {"node_load1", "node_load5", "node_load15", "node_exporter_build_info",
                                 "node_scrape_collector_duration_seconds", "node_scrape_collector_success"})
        without = self.names(query="exclude[]=cpu")
        self.assertIn("node_load1", without)
        self.assertNotIn("node_cpu_seconds_total", without)

    def test_another_prefix_and_none(self):
        names = self.names("--host.prefix", "host_")
        self.assertIn("host_cpu_seconds_total", names)
        self.assertFalse([name for name in names if name.startswith("node_")])
        self.assertIn("otlp_system_tasks_count", names)
        self.assertEqual(self.names("--host.collectors", "none", query="exclude[]=agent&exclude[]=ebpf"), set())
        self.assertEqual({name for name in self.names("--host.collectors", "otlp_system") if name.startswith("node_")},
                         {"node_scrape_collector_duration_seconds", "node_scrape_collector_success"})
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
