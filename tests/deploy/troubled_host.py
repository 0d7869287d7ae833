"""Causes the conditions that alerts are for: a host whose processors and memory are used up, and a second agent, scraped by
the stack's Prometheus, with a small file system that fills, a limit that is passed, a ledger that cannot grow, and no
capability to load probes. Called by: local_stack_test.

The second agent needs root to mount the file system, and to drop a capability that it must have first.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys

from live_stack import live_agent

FILE_SYSTEM = "16m"
TARGETS = "conf/prometheus/targets/agent-troubled.yml"


class TroubledHost:
    """REQUIRES: no test program of this stack has its NOTCH_DIR below `folder`."""

    def __init__(self, stack, programs, folder):
        self.stack, self.programs = stack, programs
        self.mount = os.path.join(folder, "small")
        os.mkdir(self.mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FILE_SYSTEM}", "tmpfs", self.mount], check=True)
        self.filler = os.path.join(self.mount, "filler")
        self.agent = live_agent.Agent(os.path.join(programs, "notchd"), os.path.join(self.mount, "segments"),
                                      "--limit.dead-rows", "1")
        self.agent.log_path = os.path.join(folder, "log")
        self.agent.command = ["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", *self.agent.command]
        self.service = None

    def start(self):
        self.agent.start_and_wait()
        with open(os.path.join(self.stack.folder, TARGETS), "w", encoding="utf-8") as file:
            file.write(f"- targets: [{self.agent.address}]\n")
        demonstration = os.path.join(self.programs, "otlp_demo")
        # One that is over has more rows than the agent keeps of the dead.
        subprocess.run([demonstration, "--workers", "1", "--for", "1"], check=True, stdout=subprocess.DEVNULL, env=self.environment("short"))
        live_agent.until(30, "its fold", self.agent.all_folded)
        self.service = subprocess.Popen([demonstration, "--workers", "2"], stdout=subprocess.DEVNULL,
                                        start_new_session=True, env=self.environment("troubled"))
        live_agent.until(30, "its service's rows", lambda: self.agent.samples("otlp_spans_created_total"))
        live_agent.until(30, "a scrape of it", lambda: self.stack.query(f'up{{instance="{self.agent.address}"}} == 1'))

    def environment(self, service):
        return live_agent.environment(NOTCH_DIR=self.agent.directory, NOTCH_SERVICE=service)

    def fill(self):
        """Whatever room is left, but for what is in pages that files have already."""
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while file.write(b"\1" * 65536):
                    pass
            except OSError:
                pass

    def end_its_service(self):
        """While no file of the agent may grow: in a full file system, a fold may have room in the ledger's last page,
        and each segment that is folded makes room for the next."""
        resource.prlimit(self.agent.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        os.killpg(self.service.pid, signal.SIGKILL)
        self.service.wait()
        self.service = None

    def make_room(self):
        os.unlink(self.filler)
        resource.prlimit(self.agent.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def end(self):
        targets = os.path.join(self.stack.folder or "/nonexistent", TARGETS)
        if os.path.exists(targets):
            os.unlink(targets)
        if self.service is not None:
            self.end_its_service()
        self.agent.end()
        subprocess.run(["umount", "--lazy", self.mount], check=False)
        shutil.rmtree(self.mount, ignore_errors=True)


def why_not():
    """Why there can be none here; nothing if there can."""
    if os.geteuid() != 0:
        return "a file system of the test's own needs root"
    if subprocess.run(["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", "true"], capture_output=True, check=False).returncode != 0:
        return "setpriv cannot take rights away here"
    return ""


class Load:
    """All processors busy, and memory that is touched piece by piece, until its end."""

    HOLDER = "import sys\nheld = []\nfor line in sys.stdin:\n    held.append(b'x' * int(line))\n    print('held', flush=True)\n"

    def __init__(self):
        self.burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
        self.holder = subprocess.Popen([sys.executable, "-c", self.HOLDER], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def touch(self, count):
        """So many bytes more."""
        self.holder.stdin.write(f"{count}\n")
        self.holder.stdin.flush()
        if self.holder.stdout.readline() != "held\n":
            raise AssertionError(f"there are no {count} bytes more here")

    def end(self):
        for process in (*self.burners, self.holder):
            process.kill()
            process.wait()
        self.holder.stdin.close()
        self.holder.stdout.close()
