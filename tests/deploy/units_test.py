#!/usr/bin/python3
"""systemd accepts the units, and rates them as safe. The agent makes no system call that they refuse, and the users and
directories are as the agent needs them. Called by: ctest, as units_test.py NOTCHD.
"""
import http.client
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import live_agent
import scratch

NOTCHD = sys.argv.pop(1)
UNITS = os.path.realpath(os.path.join(HERE, "..", "..", "deploy", "systemd"))
# Tenths of systemd's exposure level, which calls 1.0 to 5.0 "OK". What is left is what the agent is for: sockets, the
# host's /proc, other users' files.
EXPOSURE_MAX = 20
EXPOSURE_WITH_EBPF_MAX = 25
# The agent tries, is refused, and goes without probes.
REFUSED_AND_NOT_MISSED = {"bpf"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)


def settings(*names):
    """[(key, value)] of unit files, in their order."""
    found = []
    for name in names:
        with open(os.path.join(UNITS, name), encoding="utf-8") as file:
            found += re.findall(r"^(\w+)=(.*)$", file.read(), re.M)
    return found


def calls_of_group(name):
    """The system calls that systemd counts to @name."""
    answer = run("systemd-analyze", "--no-pager", "syscall-filter", name)
    calls = set()
    for word in re.findall(r"^ +([@\w-]+)$", answer.stdout, re.M):
        calls |= calls_of_group(word) if word.startswith("@") else {word}
    return calls


def allowed_calls(*names):
    """By the filters, as systemd applies them: the first says that it is a list of the allowed."""
    allowed = set()
    for value in (value for key, value in settings(*names) if key == "SystemCallFilter"):
        for word in value.lstrip("~").split():
            group = calls_of_group(word) if word.startswith("@") else {word}
            allowed = allowed - group if value.startswith("~") else allowed | group
    return allowed


class Units(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        for name in ("notchd.service", "notchd.socket"):
            with open(os.path.join(UNITS, name), encoding="utf-8") as file:
                text = file.read().replace("ExecStart=notchd ", f"ExecStart={NOTCHD} ")
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.service = os.path.join(self.folder, "notchd.service")

    def use_ebpf(self):
        os.mkdir(self.service + ".d")
        shutil.copy(os.path.join(UNITS, "ebpf.conf"), self.service + ".d")

    def test_systemd_finds_nothing_wrong(self):
        self.use_ebpf()
        done = run("systemd-analyze", "verify", "--man=no", self.service, os.path.join(self.folder, "notchd.socket"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_little_is_exposed(self):
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}",
                   self.service)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_little_is_exposed_with_ebpf(self):
        self.use_ebpf()
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                   f"--threshold={EXPOSURE_WITH_EBPF_MAX}", self.service)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_segments_outlive_a_stop(self):
        self.assertNotIn("RuntimeDirectory", dict(settings("notchd.service")))

    def test_the_hosts_name_is_followed(self):
        # Under this setting a service has a UTS namespace of its own, and in it the name of its start (systemd.exec(5)).
        self.assertEqual([(key, value) for key, value in settings("notchd.service", "ebpf.conf") if key == "ProtectHostname"], [])

    def test_the_filter_allows_what_the_agent_calls(self):
        if run("strace", "-V").returncode != 0:
            print("skipped: units_test: strace is not installed")
            self.skipTest("no strace")
        agent = live_agent.Agent(NOTCHD, os.path.join(self.folder, "segments"))
        trace = os.path.join(self.folder, "trace")
        agent.command = ["strace", "-f", "-qq", "-o", trace, *agent.command]
        self.addCleanup(agent.end)
        agent.start_and_wait()
        children = run("pgrep", "-P", str(agent.process.pid)).stdout.split()
        os.kill(int(children[0]), 15)
        self.assertEqual(agent.process.wait(30), 0)
        with open(trace, encoding="utf-8") as file:
            called = set(re.findall(r"^\d+ +(\w+)\(", file.read(), re.M))
        self.assertIn("accept", called)
        self.assertLessEqual(called - allowed_calls("notchd.service"), REFUSED_AND_NOT_MISSED)

    def test_ebpf_gets_its_calls(self):
        self.assertLessEqual({"bpf", "perf_event_open", "capset"}, allowed_calls("notchd.service", "ebpf.conf"))
        self.assertNotIn("bpf", allowed_calls("notchd.service"))

    def test_the_socket_is_taken_over(self):
        port = live_agent.free_port()
        process = subprocess.Popen(
            ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", NOTCHD, "--web.systemd-socket", "--dir",
             os.path.join(self.folder, "segments")], stderr=subprocess.DEVNULL, env=live_agent.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def first_page():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                connection.request("GET", "/metrics")
                return connection.getresponse().status
            except OSError:
                return None
            finally:
                connection.close()
        self.assertEqual(live_agent.until(20, "a page through systemd's socket", first_page), 200)
        process.terminate()
        self.assertEqual(process.wait(20), 0)


class UserAndDirectory(unittest.TestCase):
    def test_they_are_made(self):
        if os.geteuid() != 0:
            print("skipped: units_test: making a user in another root needs root")
            self.skipTest("needs root")
        root = scratch.folder_of(self)
        for folder, name in (("sysusers.d", "notch.sysusers"), ("tmpfiles.d", "notch.tmpfiles")):
            path = os.path.join(root, "usr", "lib", folder)
            os.makedirs(path)
            shutil.copy(os.path.join(UNITS, name), os.path.join(path, "notch.conf"))
        os.makedirs(os.path.join(root, "etc"))
        for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
            done = run(*command, f"--root={root}", "notch.conf")
            self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(root, "etc", "passwd"), encoding="utf-8") as file:
            name, _, uid, gid, _, _, shell = file.read().strip().split(":")
        self.assertEqual((name, shell), ("notch", "/usr/sbin/nologin"))
        found = os.stat(os.path.join(root, "run", "notch"))
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o3777, int(uid), int(gid)))


if __name__ == "__main__":
    if shutil.which("systemd-analyze") is None:
        print("skipped: units_test: systemd is not installed")
        sys.exit(77)
    unittest.main()
