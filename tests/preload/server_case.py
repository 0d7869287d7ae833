"""A test of a real server as its users start it, by `notch run`: the page agrees with the server's own log.
Called by: web_servers_test.py, app_servers_test.py, ftp_server_test.py, as TEST.py NOTCHD LIBRARY NOTCH.

The rule of all of them: the exchanges on the page, with those counted as unobserved, are as many as the lines of the log,
and the server's answers, messages and exit status are the same as without the library.
"""
import collections
import http.client
import os
import re
import signal
import subprocess
import sys

import client_load
import http_case
import live_agent
import scratch

NOTCH = sys.argv.pop(1)
DURATION = http_case.DURATION
UNOBSERVED = "libc_http_unobserved_total"
SIZES = "http_server_response_body_size_bytes"
BROKEN = ("no_answer", "cut_short")

Played = collections.namedtuple("Played", "answers words status")

LOAD = """
local answered = 0
function response()
  answered = answered + 1
  if answered < %d then return end
  local file = io.open("load.done", "a"); file:write("x"); file:close()
  wrk.thread:stop()
end
"""


class ServerCase(http_case.HttpTestCase):
    library = http_case.preload_test_case.LIBRARY

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)  # servers that change their user come through here

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def notch_run(self, *command):
        return [NOTCH, "run", "--library", self.library, "--dir", self.agent.directory,
                "--service", "tried", "--", *command]

    def start(self, command, port, bare=False, **options):
        """In the background until the test ends, in a session of its own; waits until it listens."""
        log = open(self.path("server.out"), "ab")  # pylint: disable=consider-using-with
        self.addCleanup(log.close)
        server = subprocess.Popen(command if bare else self.notch_run(*command), env=live_agent.environment(), cwd=self.folder,
                                  stdout=log, stderr=log, start_new_session=True, **options)
        self.addCleanup(self.end_session, server)
        live_agent.until(30, "the server listens", lambda: self.listens(port) or self.assert_runs(server))
        return server

    def assert_runs(self, server):
        if server.poll() is not None:
            with open(self.path("server.out"), encoding="utf-8") as file:
                raise AssertionError(f"the server ended with {server.returncode}: {file.read()}")

    def end_session(self, server):
        """Whatever is left of it, and of what it started."""
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        server.wait(20)

    def stop(self, server, signal_number=signal.SIGTERM):
        """In order, once nothing is under way."""
        live_agent.until(20, "no request under way",
                         lambda: not sum(self.agent.samples("http_server_active_requests").values()))
        server.send_signal(signal_number)
        server.wait(30)

    def play(self, command, port, site, left_out=(), stop=signal.SIGTERM, bare=False, more=None):
        """Starts it, has every conversation with it, breaks some off, does what else there is to do, and stops it."""
        server = self.start(command, port, bare)
        answers = client_load.converse(port, site, left_out)
        # What `notch run` says before the server starts is not the server's.
        words = {re.sub(r"\d+", "N", line) for line in self.lines("server.out") if not line.startswith("notch: ")}
        client_load.break_off(port, site)
        if more is not None:
            more(server)
        self.stop(server, stop)
        return Played(answers, words, server.returncode)

    def play_alike(self, command, port, site, logs=("access.log",), **how):
        """Bare, and then under the library with `more`: the same answers, words and status."""
        bare = self.play(command, port, site, **{**how, "bare": True, "more": None})
        for name in ("server.out", *logs):
            if os.path.exists(self.path(name)):
                os.truncate(self.path(name), 0)
        self.assertEqual(self.play(command, port, site, **how), bare)

    def ask(self, port, count, path="/", keep_alive=True, body=None, method="GET"):
        """`count` requests one after another; gives their statuses."""
        statuses, connection = [], None
        for _ in range(count):
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, path, body=body, headers={} if keep_alive else {"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if not keep_alive or answer.will_close:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()
        return statuses

    def load(self, port, path="/", threads=4, each=2000):
        """wrk, many requests at once. Each of its threads has one connection, and stops behind an answer: by the clock it
        would break off what it had just asked, and then the log has the status of an answer that nobody was given."""
        script = self.write("load.lua", LOAD % each)
        done = self.path("load.done")
        wrk = subprocess.Popen(["wrk", f"-t{threads}", f"-c{threads}", "-d10m", "-s", script,
                                f"http://127.0.0.1:{port}{path}"], cwd=self.folder, stdout=subprocess.DEVNULL)
        self.addCleanup(wrk.wait)
        self.addCleanup(wrk.kill)
        live_agent.until(60, "every thread of wrk's done",
                         lambda: os.path.exists(done) and os.path.getsize(done) == threads)
        wrk.send_signal(signal.SIGINT)
        self.assertEqual(wrk.wait(20), 0)
        os.remove(done)

    def mixed_load(self, port, path="/"):
        """Kept alive, closed by either side, not found, with a body, and many at once."""
        self.ask(port, 30, path)
        self.ask(port, 10, path, keep_alive=False)
        self.ask(port, 5, "/absent")
        self.ask(port, 5, path, method="POST", body=b"b" * 2000)
        self.ask(port, 5, path, method="HEAD")
        self.load(port, path)

    def lines(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def seen(self, samples):
        """status to how many of the server's exchanges ended so; the status of none is ''."""
        return self.by_status(self.requests(samples).items())

    def by_status(self, requests):
        found = {}
        for (_, _, status, _), value in requests:
            found[status] = found.get(status, 0) + value
        return found

    def unobserved(self, samples):
        found = {}
        for (name, text), value in samples.items():
            if name == UNOBSERVED and value:
                labels = dict(http_case.preload_test_case.LABEL.findall(text))
                reason = labels.get("reason", text)
                found[reason] = found.get(reason, 0) + value
        return found

    def assert_held(self, logged, broken, logs_broken=False, left=0):
        """`logged`: the status of each line of the server's log for an exchange that was whole, or that had an answer at
        all; `broken`: how many were not whole; `left`: how many more may have been left without an answer, as their clients
        know. Gives what was not observed, by reason."""
        samples = self.page()
        requests = self.requests(samples)
        whole = {key: value for key, value in requests.items() if key[3] not in BROKEN}
        self.assertGreater(len(logged), 10, "there was a load")
        self.assertIn(sum(requests.values()) - sum(whole.values()), range(broken, broken + left + 1))
        for _, _, status, error in whole:
            self.assertEqual(error, status if status >= "500" else "", "a healthy exchange is no error")
        unobserved = self.unobserved(samples)
        answered = {key: value for key, value in requests.items() if key[3] != "no_answer"}
        counted = answered if logs_broken else whole
        if not unobserved:
            self.assertEqual(self.by_status(counted.items()), dict(collections.Counter(logged)))
        self.assertEqual(sum(counted.values()) + sum(unobserved.values()), len(logged))
        return unobserved

    def assert_all_seen(self, logged):
        """`logged`: a status for each line of the server's log, as text."""
        samples = self.page()
        expected = dict(collections.Counter(logged))
        self.assertGreater(len(logged), 50, "there was a load")
        self.assertEqual((self.seen(samples), self.unobserved(samples)), (expected, {}))
        self.assertEqual(self.count(samples, SIZES + "_count"), len(logged))
        self.assertEqual(self.count(samples, "http_server_active_requests"), 0)
        self.assertEqual(self.count(samples, "libc_net_open_connections"), 0)
