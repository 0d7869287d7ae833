#!/usr/bin/python3
"""The agent with its probes of the kernel: what it needs, what it gives up, what it says where it is refused.
Called by: ctest, as agent_test.py NOTCHD SPOKEN_WORKER.
"""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

import agent_test_case  # noqa: E402  (found through the line above)
import ebpf_page  # noqa: E402
import live_agent  # noqa: E402

NOTCHD = agent_test_case.NOTCHD
BPF, PERFMON, SYS_ADMIN = 39, 38, 21
ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def capabilities(pid):
    """The permitted set, as a set of numbers."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        mask = int(re.search(r"^CapPrm:\s*(\w+)", file.read(), re.MULTILINE).group(1), 16)
    return {number for number in range(64) if mask >> number & 1}


class Capabilities(agent_test_case.AgentTestCase):
    flags = ("--ebpf", "require")

    def start_with(self, *inherited):
        """As an ordinary user with these capabilities and no other."""
        os.chmod(self.folder, 0o777)
        sets = ",".join(["-all", *(f"+{name}" for name in inherited)])
        self.agent.command = [*ORDINARY, f"--inh-caps={sets}", f"--ambient-caps={sets}", f"--bounding-set={sets}",
                              *self.agent.command]
        self.agent.start_and_wait()

    def test_an_ordinary_user_with_bpf_and_perfmon_has_every_probe_and_then_neither(self):
        self.start_with("bpf", "perfmon")
        up = self.agent.samples("notch_ebpf_probe_up")
        self.assertEqual(set(up.values()), {1}, up)
        self.assertEqual(len(up), ebpf_page.PROBES)
        self.assertEqual(capabilities(self.agent.process.pid), set())
        # The iterator and the maps work on without them.
        first = self.agent.samples("ebpf_cpu_seconds_total")
        live_agent.until(20, "a sum that grows", lambda: self.agent.samples("ebpf_cpu_seconds_total") != first)
        self.assert_pages_sound()

    def test_root_keeps_what_it_needs_for_other_things_alone(self):
        self.agent.start_and_wait()
        held = capabilities(self.agent.process.pid)
        self.assertEqual(held & {BPF, PERFMON, SYS_ADMIN}, set())


class Names(agent_test_case.AgentTestCase):
    flags = ("--ebpf", "require")

    def test_a_service_called_as_one_of_our_own_rows_has_no_second_one(self):
        self.agent.start_and_wait()
        for service in ("(unattached)", "(others)", "shop"):
            self.worker(service).say("counter", "attached_total")
        live_agent.until(20, "the services", lambda: ("ebpf_cpu_seconds_total", 'service="shop"')
                         in self.agent.samples("ebpf_cpu_seconds_total"))
        self.assert_pages_sound(lint=False)


class Refused(agent_test_case.AgentTestCase):
    def run_refused(self, *flags):
        os.chmod(self.folder, 0o777)
        command = [*ORDINARY, "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", NOTCHD, "--dir",
                   self.agent.directory, "--listen", self.agent.address, *flags]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                              env=live_agent.environment())

    def test_require_without_permission_names_the_probes_and_ends_with_5(self):
        done = self.run_refused("--ebpf", "require")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertRegex(done.stderr, r"--ebpf=require: no probe services, cpu, .*Operation not permitted; "
                                      r"it takes CAP_BPF and CAP_PERFMON")

    def test_auto_without_permission_says_so_once_and_serves(self):
        os.chmod(self.folder, 0o777)
        self.agent.command = [*ORDINARY, "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all",
                              *self.agent.command]
        self.agent.start_and_wait()
        self.assertEqual(set(self.agent.samples("notch_ebpf_probe_up").values()), {0})
        reasons = self.agent.samples("notch_ebpf_probe_refused_info")
        self.assertEqual(len(reasons), ebpf_page.PROBES)
        for _, labels in reasons:
            self.assertIn('reason="not_permitted"', labels)
        self.assertEqual(self.agent.samples("ebpf_"), {})
        self.assertEqual(self.agent.log().count("no probe"), 1)
        self.assert_pages_sound()

    def test_without_the_kernels_types_it_says_so_and_serves(self):
        # In a mount namespace of its own, where they are covered.
        self.agent.command = ["unshare", "--mount", "sh", "-c",
                              'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh", *self.agent.command]
        self.agent.start_and_wait()
        self.assertEqual(set(self.agent.samples("notch_ebpf_probe_up").values()), {0})
        self.assertIn('reason="no_btf"', str(self.agent.samples("notch_ebpf_probe_refused_info")))
        self.assertIn("the kernel does not tell its types", self.agent.log())

    def test_off_loads_nothing_and_says_so(self):
        self.agent.command += ["--ebpf", "off"]
        self.agent.start_and_wait()
        self.assertEqual(set(self.agent.samples("notch_ebpf_probe_up").values()), {0})
        self.assertIn('reason="off"', str(self.agent.samples("notch_ebpf_probe_refused_info")))
        self.assertEqual(self.agent.samples("ebpf_"), {})

    def test_another_word_is_a_wrong_command_line(self):
        done = self.run_refused("--ebpf", "maybe")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--ebpf", done.stderr)


if __name__ == "__main__":
    ebpf_page.skip_where_probes_are_refused("ebpf_agent_test", NOTCHD)
    unittest.main(verbosity=2)
