"""One run of a scenario: a fresh directory, the programs under test with or without the library, under strace or not.
Called by: faithful_case, and by each scenario, which gets one as its only argument.

Invariants:
 1. Both kinds of run see the same paths and, except for LD_PRELOAD, the same environment.
 2. Only programs started by run() and start() are under test; clients and checks of the scenario's own are not.
 3. No program that start() began outlives close().
"""
import hashlib
import os
import re
import shutil
import signal
import subprocess

import syscall_trace
from live_agent import until

TIMED_OUT = "timed out"


def own_environment():
    """This process's environment without what would steer a program by chance."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("NOTCH_", "LD_", "OTEL_", "PYTHON", "GIT_"))} | {"LC_ALL": "C.UTF-8"}


def masked(text, *rules):
    """text with every (pattern, replacement) done, in order."""
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


class Program:
    """A program under test that runs beside the scenario."""

    def __init__(self, process, trace_path):
        self.process, self._trace_path = process, trace_path

    @property
    def pid(self):
        """The program's own, not its tracer's."""
        if self._trace_path is None:
            return self.process.pid
        return until(20, "the trace's first line", lambda: syscall_trace.first_pid(self._trace_path))

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout_s=60):
        """Its exit status, -N for signal N."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return TIMED_OUT

    def stop(self, number=signal.SIGTERM, timeout_s=60):
        self.send(number)
        return self.wait(timeout_s)

    def end(self):
        """Whatever state it is in: afterwards nothing of its session is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class Stage:
    def __init__(self, folder, preload, traced, account=None):
        """preload: the libraries for LD_PRELOAD, in their order. account: whom the programs run as."""
        self.preload, self.traced, self.account = preload, traced, account
        self.directory = os.path.join(folder, "run")          # the scenario's own
        self.segments = os.path.join(folder, "segments")      # NOTCH_DIR
        self._traces = os.path.join(folder, "traces")
        self.tracing = ("strace", "-f", "-q", "-s", "0", "-a", "1")
        self._started, self._owned, self._trace_count = [], [], 0
        for path, mode in ((self.directory, 0o777), (self.segments, 0o1777), (self._traces, 0o777)):
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)
            os.chmod(path, mode)

    def environment(self, **changes):
        """That of a program under test; None takes a name away."""
        preload = {"LD_PRELOAD": ":".join(self.preload)} if self.preload else {}
        whole = {**own_environment(), "NOTCH_DIR": self.segments, "HOME": self.directory, **preload, **changes}
        return {name: value for name, value in whole.items() if value is not None}

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def start(self, *command, environment=None, **popen):
        """A program under test; environment: changes to environment()."""
        trace_path, environment = None, self.environment(**(environment or {}))
        if self.traced:
            self._trace_count += 1
            trace_path = os.path.join(self._traces, str(self._trace_count))
            # For the traced program alone: strace's own reads and writes are not looked at.
            preload = environment.pop("LD_PRELOAD", None)
            command = (*self.tracing, *(("-E", f"LD_PRELOAD={preload}") if preload else ()), "-o", trace_path, *command)
        if self.account:
            popen = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": [], **popen}
        popen = {"stdin": subprocess.DEVNULL, "cwd": self.directory, **popen}
        process = subprocess.Popen(command, env=environment,
                                   start_new_session=True, **popen)
        program = Program(process, trace_path)
        self._started.append(program)
        return program

    def run(self, *command, input=None, timeout_s=120, **start):
        """A program under test to its end: {"status", "stdout", "stderr"}."""
        text_input = {"stdin": subprocess.PIPE} if input is not None else {}
        program = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **text_input, **start)
        try:
            out, error = program.process.communicate(input, timeout_s)
        except subprocess.TimeoutExpired:
            program.end()
            return {"status": TIMED_OUT, "stdout": "", "stderr": ""}
        return {"status": program.process.returncode, "stdout": out.decode(errors="replace"),
                "stderr": error.decode(errors="replace")}

    def files(self, *names):
        """Size and digest of every file below a path of the scenario's, by name; of a symbolic link its target."""
        found, top = {}, self.path(*names)
        for folder, _, files in os.walk(top):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[os.path.relpath(path, top)] = os.readlink(path)
                else:
                    with open(path, "rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                    found[os.path.relpath(path, top)] = (os.path.getsize(path), digest)
        return found

    def segment_count(self):
        return sum(1 for name in os.listdir(self.segments) if not name.startswith("agent."))

    def own(self, closable):
        """Something of the scenario's to be closed with the run."""
        self._owned.append(closable)
        return closable

    def close(self):
        for closable in self._owned:
            closable.close()
        for program in self._started:
            program.end()

    def trace_paths(self):
        return [os.path.join(self._traces, name) for name in os.listdir(self._traces)]

    def trace(self):
        """Of all programs under test: their system calls after start-up."""
        return syscall_trace.of_files(self.trace_paths())
