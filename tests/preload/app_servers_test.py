#!/usr/bin/python3
"""Servers of applications: node, Java's own server and clients, Python's CGI, gunicorn in three ways. The page agrees with
their logs. Called by: ctest, as app_servers_test.py NOTCHD LIBRARY NOTCH.
"""
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import client_load
import http_case
import live_agent
import server_case

SERVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "servers")
SITE = client_load.Site("/page", "/absent", "/fails", "/large")
PYTHON = "/usr/bin/python3"
BROKEN_OFF = 6  # by client_load.break_off


class AppCase(server_case.ServerCase):
    def setUp(self):
        super().setUp()
        self.port = live_agent.free_port()
        self.log = self.path("access.log")

    def whole(self):
        """The statuses of the lines that the site has marked so."""
        return [line.split()[0] for line in self.lines("access.log") if line.endswith(" whole")]


class Node(AppCase):
    def play_site(self, more):
        self.play_alike([shutil.which("node"), os.path.join(SERVERS, "site.js"), str(self.port), self.log], self.port, SITE,
                        more=more)

    def test_one_process(self):
        self.play_site(lambda _: self.load(self.port, "/page"))
        self.assertEqual(self.assert_held(self.lines("access.log"), BROKEN_OFF // 2, logs_broken=True), {})

    # The library follows 8 requests of one write.
    def test_more_at_once_than_are_followed(self):
        def more(_):
            with client_load.Client(self.port) as client:
                client.send(client_load.request("/page") * 19 + client_load.last("/page"))
                client.receive_rest()
                self.assertEqual(client.said.count(b" 200 OK"), 20)
        self.play_site(more)
        unobserved = self.assert_held(self.lines("access.log"), BROKEN_OFF // 2, logs_broken=True)
        self.assertEqual(unobserved, {"pipelined": 12})


class Java(AppCase):
    def compile(self):
        sources = [os.path.join(SERVERS, name) for name in ("Site.java", "Ask.java")]
        subprocess.run(["javac", "-d", self.folder, *sources], check=True)
        # By default its server writes head and body separately, and the body waits until the head is acknowledged.
        return ["/usr/bin/java", "-XX:TieredStopAtLevel=1", "-Dsun.net.httpserver.nodelay=true", "-cp", self.folder]

    def test_server(self):
        java = self.compile()
        self.play_alike([*java, "Site", str(self.port), self.log], self.port, SITE,
                        more=lambda _: self.load(self.port, "/page", each=500))
        self.assertEqual(len(self.lines("access.log")) - len(self.whole()), BROKEN_OFF)
        self.assertEqual(self.assert_held(self.whole(), BROKEN_OFF), {})

    def test_clients(self):
        java = self.compile()
        server = self.start([*java, "Site", str(self.port), self.log], self.port)
        asked = self.run_program([*java, "Ask", f"http://127.0.0.1:{self.port}", "300"])
        self.assertEqual((asked.returncode, asked.stdout, asked.stderr), (0, b"connection 300\nclient 300\n", b""))
        self.stop(server)
        samples = self.page()
        seen = self.requests(samples, http_case.CLIENT_DURATION)
        self.assertEqual({key[3] for key in seen} - {""}, {"404"})
        self.assertEqual(sum(seen.values()) + self.count(samples, server_case.UNOBSERVED, side="client"), 600)
        self.assertEqual(self.seen(samples), {"200": 540, "404": 60})
        self.assertEqual(self.count(samples, server_case.UNOBSERVED, side="server"), 0)

    # Java has its own TLS: the library sees nothing in it, and counts nothing.
    def test_https(self):
        java = self.compile()
        store = self.path("keys.p12")
        subprocess.run(["keytool", "-genkeypair", "-alias", "site", "-keyalg", "EC", "-dname", "CN=localhost", "-ext",
                        "san=ip:127.0.0.1", "-keystore", store, "-storetype", "PKCS12", "-storepass", "password"],
                       check=True, capture_output=True)
        trusting = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=password"]
        server = self.start([*java, "Site", str(self.port), self.log, store], self.port)
        asked = self.run_program([*java, *trusting, "Ask", f"https://127.0.0.1:{self.port}", "20"])
        self.assertEqual((asked.returncode, asked.stdout, asked.stderr), (0, b"connection 20\nclient 20\n", b""))
        self.stop(server)
        samples = self.page()
        self.assertEqual(len(self.whole()), 40)
        self.assertEqual((self.seen(samples), self.requests(samples, http_case.CLIENT_DURATION), self.unobserved(samples)),
                         ({}, {}, {}))


class Cgi(AppCase):
    # The server writes the head's first line, and a child the rest: the library misses such an answer. Its version is 1.0.
    def test_pages_by_children(self):
        os.makedirs(self.path("site/cgi-bin"))
        shutil.copy(os.path.join(SERVERS, "page.cgi"), self.path("site/cgi-bin/page"))
        self.write("site/index.html", "hello\n")
        self.write("site/large", "l" * 5000000)
        site = client_load.Site("/cgi-bin/page", "/absent", "/index.html", "/large")
        command = [PYTHON, "-u", "-m", "http.server", "--cgi", "--bind", "127.0.0.1", "-d", self.path("site"), str(self.port)]
        # The server's messages about broken connections have no fixed order; HTTP/1.0 has no 100-continue.
        self.play_alike(command, self.port, site, left_out=("expecting",), stop=signal.SIGINT)
        lines = [found for line in self.lines("server.out") if (found := re.search(r'"([A-Z]+) (\S+) .*" (\d+) -', line))]
        by_child = [found for found in lines if found[2] == site.page]
        self.assertGreaterEqual(len(by_child), 8)
        unobserved = self.assert_held([found[3] for found in lines][BROKEN_OFF:], BROKEN_OFF)
        self.assertEqual(unobserved, {"unended": len(by_child) - BROKEN_OFF // 2})


class Gunicorn(AppCase):
    def command(self, kind, *more):
        return ["/usr/bin/gunicorn", "--chdir", SERVERS, "--bind", f"127.0.0.1:{self.port}", "--workers", "2",
                "--worker-class", kind, "--graceful-timeout", "3", "--access-logfile", self.log, "--access-logformat", "%(s)s",
                *more, "site_wsgi:site"]

    def workers(self, server):
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            return [int(number) for number in file.read().split()]

    def await_new(self, server, former, count):
        """Waits until there are two workers again, of which this many are new."""
        def is_renewed():
            workers = self.workers(server)
            return len(workers) == 2 and len(set(workers) - former) == count
        live_agent.until(20, f"{count} new workers", is_renewed)
        time.sleep(0.3)

    def renew(self, server):
        """A new start of all workers in order, then of one, amid a load; gives how many answers there were."""
        load = client_load.Steady(self.port, "/page")
        try:
            time.sleep(0.3)
            former = set(self.workers(server))
            server.send_signal(signal.SIGHUP)
            self.await_new(server, former, 2)
            former = set(self.workers(server))
            os.kill(min(former), signal.SIGTERM)
            self.await_new(server, former, 1)
        finally:
            answered = load.end()
        return answered

    def hold(self, kind, *more, left_out=()):
        answered = []
        self.play_alike(self.command(kind, *more), self.port, SITE, left_out=left_out,
                        more=lambda server: answered.append(self.renew(server)))
        logged = self.lines("access.log")
        self.assertGreater(answered[0], 100)
        self.assertEqual(self.assert_held(logged, BROKEN_OFF), {})

    def test_a_process_for_each_request(self):
        self.hold("sync")

    # The server drops pipelined requests that it has read, answers keep-alive, and closes later.
    def test_threads(self):
        self.hold("gthread", "--threads", "4", left_out=("pipelined",))

    def test_greenlets(self):
        self.hold("gevent")

    # A request in progress in a killed worker is in the log, on the page, in both or in neither: at most one per worker.
    def test_a_worker_that_is_killed(self):
        server = self.start(self.command("sync"), self.port)
        load, killed = client_load.Steady(self.port, "/page"), 3
        self.addCleanup(load.end)
        for _ in range(killed):
            time.sleep(0.3)
            former = set(self.workers(server))
            os.kill(min(former), signal.SIGKILL)
            self.await_new(server, former, 1)
        load.end()
        self.stop(server)
        samples = self.page()
        self.assertEqual(self.unobserved(samples), {})
        self.assertLessEqual(abs(self.count(samples, http_case.DURATION + "_count") - len(self.lines("access.log"))), killed)


if __name__ == "__main__":
    unittest.main(verbosity=2)
