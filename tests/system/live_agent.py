"""Starts and ends a notchd of the test's own on a free port, gets its pages, and waits for values on them.
Called by: the tests of this folder, and those of preload/faithful.
"""
import collections
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time

import text_page

Answer = collections.namedtuple("Answer", "status headers body")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


SLOW_MACHINE = 3  # times as slow as those that the deadlines are for: a wait tells what hangs, it does not judge speed


def until(deadline_s, what, condition, pause_s=0.02):
    """Polls, and gives what `condition` gave once it is true; what is awaited is named when it does not come."""
    deadline_s *= SLOW_MACHINE
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline_s} s")
        time.sleep(pause_s)


def environment(**changes):
    """This process's, without what would steer a program of Notch's by chance."""
    own = {name: value for name, value in os.environ.items()
           if not name.startswith(("NOTCH_", "OTEL_"))}
    return {**own, **changes}


def copy_for_all(program, folder):
    """Of a program, in that folder, for every user to run."""
    path = shutil.copy(program, folder)
    os.chmod(path, 0o755)
    return path


class Agent:
    """Serves on one port from start to start, so that a scraper finds it again. Its log stands beside the directory."""

    def __init__(self, program, directory, *flags):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.directory, self.log_path = directory, directory + ".log"
        self.command = [program, "--dir", directory, "--listen", self.address, "--sweep-ms", "50", *flags]
        self.process, self.kills = None, 0
        self.headers = {}  # of every request

    def start(self, **identity):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=environment(), **identity)

    def start_as(self, account):
        """As that entry of the password database. A copy: another user may not be able to reach the build tree."""
        self.command[0] = copy_for_all(self.command[0], os.path.dirname(self.directory))
        self.start(user=account.pw_uid, group=account.pw_gid, extra_groups=[])

    def start_and_wait(self, deadline_s=30):
        self.start()
        until(deadline_s, "the agent's first page", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"notchd ended with {self.process.returncode}: {self.log()}")
        return self.scrape() is not None

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def stop(self, deadline_s=30):
        """Ends it by SIGTERM; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(deadline_s)

    def end(self):
        """Whatever state it is in: afterwards there is no process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def get(self, path="/metrics", **headers):
        """Any answer; header names with _ for -. Raises OSError while the agent is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            more = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers={**self.headers, **more})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def scrape(self, path="/metrics"):
        """A text page, or None while the agent is not there."""
        try:
            answer = self.get(path)
        except (OSError, http.client.HTTPException):
            return None
        if answer.status != 200:
            raise AssertionError(f"{path} answered {answer.status}: {answer.body[:200]}")
        return answer.body.decode()

    def samples(self, prefix="", path="/metrics"):
        return text_page.samples(self.scrape(path) or "", prefix)

    def all_folded(self):
        """True once no segment is left, of the living or of the dead."""
        states = self.samples("notch_agent_segments")
        return (states.get(("notch_agent_segments", 'state="live"')) == 0 and
                states.get(("notch_agent_segments", 'state="dead"')) == 0)

    def segment_names(self):
        return sorted(name for name in os.listdir(self.directory) if not name.startswith("agent."))
