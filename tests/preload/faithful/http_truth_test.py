#!/usr/bin/python3
"""The http module's counts of nginx and wrk agree with wrk's own counts and nginx's log.
Called by: ctest, with faithful_case's arguments.

The comparison is exact, because no exchange is in progress when wrk ends: each of its threads has one connection, stops
after a given number of answers, and says so; only then is wrk told to end. If wrk ended after a time, it would break off
its last requests.
"""
import collections
import os
import pprint
import re
import signal
import subprocess

import faithful_case
import live_agent
import nginx_test
import stage

THREADS, ROUNDS = 4, 400
# What a thread asks for in turn: path, status, and how often nginx is asked for one request of wrk's.
ASKED = (("/small.txt", 200, 1), ("/absent", 404, 1), ("/moved", 301, 1), ("/refused", 403, 1), ("/proxied/small.txt", 200, 2))
SCRIPT = """
local paths, asked, answered = {%s}, 0, 0
function request()
  asked = asked + 1
  return wrk.format("GET", paths[asked %% #paths + 1])
end
function response()
  answered = answered + 1
  if answered < %d * #paths then return end
  local file = io.open("done", "a"); file:write("x"); file:close()
  wrk.thread:stop()
end
"""
DURATION = "http_%s_request_duration_seconds_count"


class Truth(nginx_test.WebCase):
    def setUp(self):
        super().setUp()
        self.agent = live_agent.Agent(faithful_case.NOTCHD, os.path.join(self.folder, "watched"))
        self.addCleanup(self.agent.end)
        self.agent.start_and_wait()
        self.run_under_test = stage.Stage(self.folder, self.preload_of(True, False), False)
        self.addCleanup(self.run_under_test.close)
        self.run_under_test.segments = self.agent.directory

    def output_of_wrk(self, url):
        run = self.run_under_test
        with open(run.path("asked.lua"), "w", encoding="utf-8") as file:
            file.write(SCRIPT % (", ".join(f'"{path}"' for path, _, _ in ASKED), ROUNDS))
        wrk = run.start("wrk", "-t", str(THREADS), "-c", str(THREADS), "-d", "10m", "-s", "asked.lua", url,
                        stdout=subprocess.PIPE)
        stage.until(120, "every thread of wrk's done", lambda: os.path.exists(run.path("done")) and
                    os.path.getsize(run.path("done")) == THREADS)
        wrk.send(signal.SIGINT)
        output = wrk.process.stdout.read().decode()
        self.assertEqual(wrk.wait(), 0)
        return output

    def by_status(self, side, scheme):
        found = collections.Counter()
        for (_, labels), value in self.agent.samples(DURATION % side).items():
            if f'url_scheme="{scheme}"' not in labels:
                continue
            status = re.search(r'http_response_status_code="(\d*)"', labels)
            found[int(status.group(1)) if status else labels] += int(value)
        return +found

    def compare(self, asked, url):
        """asked as ASKED; url(nginx) is what wrk is given. Returns nginx' counts by status of what wrk asked it, and of
        what it asked itself by plain HTTP."""
        nginx = nginx_test.Nginx(self.run_under_test, self.folder, workers=2)
        output = self.output_of_wrk(url(nginx))
        self.assertEqual(nginx.finish()[0]["status"], 0)
        with open(self.run_under_test.path("access.log"), encoding="utf-8") as file:
            logged = [(int(status), int(size)) for status, size in re.findall(r'" (\d+) (\d+) "', file.read())]
        live_agent.until(30, "all segments folded", self.agent.all_folded)
        print(f"{self.id()}: nginx logged {len(logged)}\n{output}", flush=True)

        of_wrk, inner = collections.Counter(), collections.Counter()
        for _, status, times in asked:
            of_wrk[status] += THREADS * ROUNDS
            inner[status] += THREADS * ROUNDS * (times - 1)
        self.assertEqual(int(re.search(r"(\d+) requests in", output).group(1)), of_wrk.total())
        self.assertEqual(int(re.search(r"Non-2xx or 3xx responses: (\d+)", output).group(1)), of_wrk[403] + of_wrk[404])
        self.assertEqual(collections.Counter(status for status, _ in logged), of_wrk + inner)
        self.assertEqual(sum(self.agent.samples("http_server_response_body_size_bytes_sum").values()),
                         sum(size for _, size in logged))
        for name in ("libc_http_unobserved_total", "libc_tls_unobserved_total", "http_server_active_requests"):
            self.assertEqual(set(self.agent.samples(name).values()) | {0}, {0})
        return of_wrk, +inner

    def assert_statuses(self, side, scheme, expected):
        """What is missing may stand in another row: the failure shows all that there are of the side."""
        found = self.by_status(side, scheme)
        if found != expected:
            rows = {name: value for prefix in (DURATION % side, "libc_http_unobserved_total",
                                               "notch_agent_client_dropped_total")
                    for name, value in self.agent.samples(prefix).items() if value}
            self.fail(f"{side}, {scheme}: {found} counted, {expected} expected; rows:\n{pprint.pformat(rows)}")

    def handshakes(self, side):
        return sum(self.agent.samples(f"tls_{side}_handshake_duration_seconds_count").values())


class HttpTruth(Truth):
    def test_wrk_and_nginx(self):
        of_wrk, inner = self.compare(ASKED, lambda nginx: nginx.url("/"))
        # nginx is its own client where it is asked twice: wrk's requests, and its own.
        self.assert_statuses("server", "http", of_wrk + inner)
        self.assert_statuses("client", "http", of_wrk + inner)


class HttpsTruth(Truth):
    """Both sides by OpenSSL; what nginx asks itself is plain, and stays apart."""

    def test_wrk_and_nginx(self):
        of_wrk, inner = self.compare(ASKED, lambda nginx: nginx.tls_url("/"))
        for side in ("server", "client"):
            self.assert_statuses(side, "https", of_wrk)
            self.assert_statuses(side, "http", inner)
            self.assertGreaterEqual(self.handshakes(side), THREADS)
        self.assertEqual(self.handshakes("server"), self.handshakes("client"))


if __name__ == "__main__":
    faithful_case.main("nginx", "wrk", "openssl")
