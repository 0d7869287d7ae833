#!/usr/bin/python3
"""The image's files, as the Dockerfile makes them, in a folder that becomes the root. The agent runs there with the command
lines of the Compose file and of the DaemonSet, as its user, without capabilities, and the demonstration runs beside it.
Called by: ctest, as image_test.py NOTCHD NOTCH OTLP_DEMO; needs root for chroot.

All its mounts are in a mount namespace of its own, which ends with the process.
"""
import os
import stat
import subprocess
import sys
import unittest

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import live_agent
import scratch

NOTCHD, NOTCH, DEMONSTRATION = sys.argv[1:4]
DEPLOY = os.path.realpath(os.path.join(HERE, "..", "..", "deploy"))
IMAGE_ROOT = os.path.join(DEPLOY, "compose", "image-root")
USER = 9464
SIZE_MAX = 40 << 20


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def entering(root):
    """What starts a program in that root as the image's user: the change of user takes all capabilities."""
    return ["unshare", f"--root={root}", f"--setuid={USER}", f"--setgid={USER}"]


def compose_service(name):
    with open(os.path.join(DEPLOY, "compose", "docker-compose.yml"), encoding="utf-8") as file:
        return yaml.safe_load(file)["services"][name]


def compose_health(name):
    return compose_service(name)["healthcheck"]["test"][1:]


def daemonset_command():
    with open(os.path.join(DEPLOY, "kubernetes", "base", "daemonset.yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)["spec"]["template"]["spec"]["containers"][0]["args"]


class Image(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.folder_of(self)
        self.root = os.path.join(self.folder, "agent")
        run(IMAGE_ROOT, self.root, NOTCHD, NOTCH)
        self.mounts = []
        self.addCleanup(self.leave)

    def leave(self):
        for path in reversed(self.mounts):
            subprocess.run(["umount", "--lazy", path], check=False)

    def mount(self, target, *arguments):
        run("mount", *arguments, target)
        self.mounts.append(target)

    def start_agent(self, arguments):
        """In its root, with what a container engine would mount."""
        self.mount(os.path.join(self.root, "proc"), "-t", "proc", "proc")
        self.mount(os.path.join(self.root, "host"), "--rbind", "/", "--make-rslave")
        run("mount", "-o", "remount,bind,ro", os.path.join(self.root, "host"))
        agent = live_agent.Agent("/usr/bin/notchd", "/run/notch")
        agent.log_path = os.path.join(self.folder, "log")
        agent.command = [*entering(self.root), "/usr/bin/notchd", *(
            f"--listen={agent.address}" if flag.startswith("--listen") else flag for flag in arguments)]
        self.addCleanup(agent.end)
        agent.start_and_wait()
        return agent

    def test_there_is_no_shell_and_little_else(self):
        size, programs = 0, []
        for folder, _, names in os.walk(self.root):
            for name in names:
                found = os.lstat(os.path.join(folder, name))
                size += found.st_size
                self.assertEqual(found.st_mode & (stat.S_ISUID | stat.S_ISGID), 0, name)
                if "bin" in folder.split("/"):
                    programs.append(name)
        self.assertEqual(sorted(programs), ["notch", "notchd"])
        self.assertLess(size, SIZE_MAX)

    def serves(self, arguments):
        agent = self.start_agent(arguments)
        with open(f"/proc/{agent.process.pid}/status", encoding="utf-8") as file:
            status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
        self.assertEqual(status["Uid"].split()[0], str(USER))
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertIn("is ready", run(*entering(self.root), "/usr/bin/notch", "ready", "--address", agent.address))
        page = agent.get().body.decode()
        self.assertIn("\nnode_load1 ", page)
        # The host's root, below /host, not the image's.
        self.assertIn("\nnode_uname_info{", page)
        return agent

    def test_the_agent_serves_as_compose_starts_it(self):
        agent = self.serves(compose_service("agent")["command"])
        demonstration = os.path.join(self.folder, "demonstration")
        run(IMAGE_ROOT, demonstration, DEMONSTRATION)
        self.mount(os.path.join(demonstration, "run/notch"), "--bind", os.path.join(self.root, "run/notch"))
        self.mount(os.path.join(demonstration, "proc"), "-t", "proc", "proc")
        process = subprocess.Popen(
            [*entering(demonstration), "/usr/bin/otlp_demo"], env={"NOTCH_DIR": "/run/notch", "NOTCH_SERVICE": "otlp-service"}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        for words in ('otlp_spans_created_total{service="otlp-service"', 'process_thread_count{service="otlp-service"'):
            live_agent.until(40, words, lambda words=words: words in agent.get().body.decode())
        check = [*entering(demonstration), *compose_health("demonstration")]
        self.assertRegex(run(*check), r"[1-9]\d* of \d+ processes beside this one have a segment")
        process.terminate()
        process.wait()
        self.assertEqual(subprocess.run(check, capture_output=True, check=False, timeout=60).returncode, 5)

    def test_the_agent_serves_as_kubernetes_starts_it(self):
        self.serves(daemonset_command())

    def test_the_check_says_why_not(self):
        port = live_agent.free_port()
        done = subprocess.run([NOTCH, "ready", "--address", f"127.0.0.1:{port}"], capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"127.0.0.1:{port} is not ready: Connection refused", done.stderr)

    def test_a_program_without_its_libraries_is_refused(self):
        done = subprocess.run([IMAGE_ROOT, os.path.join(self.folder, "other"), "/etc/hostname"], capture_output=True,
                              text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/etc/hostname is not dynamically linked", done.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: image_test: a root of its own needs root")
        sys.exit(77)
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        print("skipped: image_test: no mount namespace can be made here")
        sys.exit(77)
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv,
                              "--inside"])
    unittest.main(argv=sys.argv[:1])
