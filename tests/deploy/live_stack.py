"""Runs deploy/local-stack for a test: its start and end, its processes, its Prometheus and Alertmanager, and a listener in
the place of Slack and PagerDuty. Called by: local_stack_test, local_stack_start_test.
"""

import http.server
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.realpath(os.path.join(HERE, "..", "..", "deploy"))
SCRIPT = os.path.join(DEPLOY, "local-stack")
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import live_agent  # noqa: E402  (found through the line above)
import scratch  # noqa: E402, F401  (for those who start a stack)

PORTS = 5


def free_ports():
    """The first of five ports in a row that nobody serves on."""
    # Below the ports that outgoing connections get; at random, since other tests look for theirs.
    for first in random.sample(range(20000, 32000, PORTS), 100):
        try:
            for port in range(first, first + PORTS):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise AssertionError("no five free ports in a row")


class Messages:
    """Listens where Slack and PagerDuty would; what came is a list of (path, message)."""

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, json.loads(body)))
                self.send_response(202 if self.path == "/pagerduty" else 200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}" if self.path == "/pagerduty" else b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def slack(self, alert, status, instance):
        """(channel, text) of the first Slack message of that alert with that status, on that instance; None before it comes."""
        for path, message in list(self.received):
            attachment = (message.get("attachments") or [{}])[0]
            if path == "/slack" and re.match(rf"\[{status}\] \w+: {alert}\b", attachment.get("title", "")) and instance in attachment["text"]:
                return message["channel"], attachment["text"]
        return None

    def pagerduty(self, alert, action):
        for path, message in list(self.received):
            summary = (message.get("payload") or {}).get("summary", "")
            if path == "/pagerduty" and message["event_action"] == action and f": {alert}" in summary:
                return message
        return None


class Stack:
    def __init__(self, programs, *flags):
        self.first = free_ports()
        self.agent, self.prometheus, self.alertmanager = (f"127.0.0.1:{self.first + i}" for i in range(3))
        environment = live_agent.environment(CLUSTER="test", REGION="here")
        # A test that is killed for its time takes the stack along.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", SCRIPT, "--programs", programs, "--ports", str(self.first), *flags],
            text=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.folder = self.segments = None

    def read_folder(self):
        """Reads on until it says where its files are: then all is up."""
        said = ""
        for line in self.process.stdout:
            said += line
            match = re.search(r"logs and configuration: (\S+)", line)
            if match:
                self.folder = match[1]
                self.segments = os.path.join(self.folder, "segments")
                return
        raise AssertionError(f"it did not come up: {said}")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def pids(self, *words):
        """Of what the stack started: the living whose command line has every word."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    ours = f"NOTCH_DIR={self.segments}\0".encode() in file.read()
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if ours and int(pid) != self.process.pid and all(word in command for word in words):
                found.append(int(pid))
        return sorted(found)

    def get(self, path, **parameters):
        """Of Prometheus's API; a query that errs gives its words as an AssertionError."""
        url = f"http://{self.prometheus}/api/v1/{path}?" + urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def set_limits(self, faster, name, **limits):
        """Writes that file of rules anew, with other limits of its alerts or the file's own, and has Prometheus read it."""
        hastened = subprocess.run([os.path.join(DEPLOY, "hasten"), str(faster), os.path.join(DEPLOY, "prometheus", "rules", name),
                                   *(f"{alert}={limit}" for alert, limit in limits.items())], capture_output=True, text=True, check=True)
        with open(os.path.join(self.folder, "conf", "prometheus", "rules", name), "w", encoding="utf-8") as file:
            file.write(hastened.stdout)
        urllib.request.urlopen(urllib.request.Request(f"http://{self.prometheus}/-/reload", method="POST"), timeout=30).close()

    def query(self, query):
        return self.get("query", query=query)["result"]

    def alerts_known_to_alertmanager(self):
        """{name: [alert, ...]} with each alert's status."""
        with urllib.request.urlopen(f"http://{self.alertmanager}/api/v2/alerts", timeout=10) as answer:
            found = {}
            for alert in json.load(answer):
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
            return found
