#!/usr/bin/python3
"""Apache in its three ways, HAProxy as Debian starts it, nginx as root starts it: the page agrees with their logs.
Called by: ctest, as web_servers_test.py NOTCHD LIBRARY NOTCH.
"""
import collections
import csv
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

import client_load
import http_case
import live_agent
import server_case

SITE = client_load.Site("/index.html", "/absent", None, "/large")

APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_{way}_module /usr/lib/apache2/modules/mod_mpm_{way}.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
User www-data
Group www-data
DocumentRoot {folder}/site
ErrorLog {folder}/error.log
LogFormat "%>s %B" brief
CustomLog {folder}/access.log brief
DefaultRuntimeDir {folder}
StartServers 3
MaxConnectionsPerChild 0
{more}
"""

HAPROXY = """
global
  log {log}
  chroot {folder}/jail
  stats socket {folder}/admin.sock mode 660 level admin
  user haproxy
  group haproxy
  maxconn 200
  {more}
defaults
  mode http
  log global
  option dontlognull
  log-format "access %ST"
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:{port}
  acl absent path /absent
  http-request return status 404 content-type text/plain string "none" if absent
  acl behind path_beg /page /large
  http-request return status 200 content-type text/plain string "hello" if !behind
  default_backend node
backend node
  server one 127.0.0.1:{inner}
"""

# An answer of any status to a request of any method, by the path.
HAPROXY_MIX = """
global
  log stdout format raw daemon
  maxconn 200
  nbthread 1
defaults
  mode http
  log global
  option dontlognull
  log-format "access %HM %ST %[ssl_fc]"
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{tls_port} ssl crt {folder}/both.pem
{answers}
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
STATUSES = (200, 204, 302, 304, 403, 404, 429, 503)

NGINX = """
daemon off; user www-data; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  log_format brief "$status $body_bytes_sent"; access_log {folder}/access.log brief; sendfile on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/site; }}
}}
"""


# By turns the master accepts and sends each connection to a worker, as PM2 has it too; else each worker is sent the listener.
CLUSTER = """
const cluster = require('cluster'), fs = require('fs');
cluster.schedulingPolicy = cluster.{policy};
if (cluster.isPrimary) {{
  for (let i = 0; i < 3; i++) cluster.fork();
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit(0)));
}} else {{
  require('http').createServer((request, response) => {{
    response.statusCode = request.url === '/absent' ? 404 : 200;
    response.on('finish', () => fs.appendFileSync('access.log', response.statusCode + '\\n'));
    request.resume().on('end', () => response.end('hello'));
  }}).listen({port}, '127.0.0.1');
}}
"""


class WebServerCase(server_case.ServerCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("site"))
        self.write("site/index.html", "hello\n" * 100)
        self.write("site/large", "l" * 5000000)
        for name in ("index.html", "large"):
            os.utime(self.path("site/" + name), (1e9, 1e9))  # Apache says otherwise of what is a second old
        os.mkdir(self.path("jail"))
        self.port = live_agent.free_port()

    def statuses(self):
        """The first word of each line of the access log: a server may have closed before it was asked. Without a whole
        request 408, and nginx's 499, have none on the wire."""
        return [line.split()[0] for line in self.lines("access.log")]


    def hold(self, command, stop, reload):
        """Alike bare and under the library, through a reload amid a load; every line of the log is on the page."""
        loads = []

        def more(server):
            loads.append(client_load.Steady(self.port, SITE.page, 2))
            self.addCleanup(loads[0].end)
            self.mixed_load(self.port)
            server.send_signal(reload)
            time.sleep(1)
            self.assertGreater(loads[0].end(), 100)
        self.play_alike(command, self.port, SITE, stop=stop, more=more)
        # The large answers are broken off; to half a body these servers say so. What Apache has read behind an answer when it
        # is told to reload it leaves without one.
        self.assertEqual(self.assert_held(self.statuses(), 3, logs_broken=True, left=sum(loads[0].left)), {})


class Apache(WebServerCase):
    def run_way(self, way, more="", stop=signal.SIGWINCH):
        configuration = self.write("apache.conf", APACHE.format(folder=self.folder, port=self.port, way=way, more=more))
        self.hold(["/usr/sbin/apache2", "-f", configuration, "-D", "FOREGROUND"], stop, signal.SIGUSR1)

    def test_prefork(self):
        self.run_way("prefork")

    def test_worker(self):
        self.run_way("worker")

    def test_event(self):
        self.run_way("event")

    def test_children_that_come_and_go(self):
        self.run_way("prefork", "MaxConnectionsPerChild 3")


class HaProxy(WebServerCase):
    def command(self, log, more="", inner=1):
        text = HAPROXY.format(folder=self.folder, port=self.port, log=log, more=more, inner=inner)
        return ["/usr/sbin/haproxy", "-Ws", "-f", self.write("haproxy.cfg", text)]

    # One thread: HAProxy drops a line that another thread is just writing, and says so (DroppedLogs).
    # dontlognull: wrk tries one connection without a word, which would be a line with 400.
    def test_master_and_worker_behind_a_chroot(self):
        server = self.start(self.command("stdout format raw daemon", "nbthread 1"), self.port)
        self.mixed_load(self.port)
        self.stop(server, signal.SIGUSR1)
        logged = [found[1] for line in self.lines("server.out") if (found := re.match(r"access (\d+)", line))]
        self.assert_all_seen(logged)

    def ask_worker(self, command):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(self.path("admin.sock"))
            asking.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: asking.recv(1 << 16), b"")).decode()

    def statistics(self, proxy, name):
        """What the worker counted of one of its sides: {"2xx": 5, ...}; a connection without a request is a 4xx there."""
        rows = csv.DictReader(io.StringIO(self.ask_worker("show stat").removeprefix("# ")))
        row = next(row for row in rows if (row["pxname"], row["svname"]) == (proxy, name))
        return {key.removeprefix("hrsp_"): int(row[key]) for key in row if key.startswith(("hrsp_", "req_tot"))}

    # As many threads as processors, and a log by datagrams that nobody takes: what it counts itself is the truth.
    def test_threads_and_a_server_behind(self):
        inner = live_agent.free_port()
        site = [shutil.which("node"), os.path.join(os.path.dirname(os.path.abspath(__file__)), "servers", "site.js"),
                str(inner), self.path("inner.log")]
        node = subprocess.Popen(site, env=live_agent.environment())
        self.addCleanup(node.wait)
        self.addCleanup(node.kill)
        live_agent.until(30, "the server behind listens", lambda: self.listens(inner))
        counted = []

        def more(_):
            self.load(self.port, "/hello", each=2000)
            self.load(self.port, "/page", each=200)
            live_agent.until(20, "nothing under way", lambda: not self.agent.samples("http_server_active_requests") or
                             not sum(self.agent.samples("http_server_active_requests").values()))
            counted.append(self.statistics("web", "FRONTEND"))

        self.play_alike(self.command("127.0.0.1:9 local0", inner=inner), self.port,
                        client_load.Site("/page", "/absent", "/fails", "/large"), logs=("inner.log",), stop=signal.SIGUSR1, more=more)
        samples = self.page()
        found = {"1xx": 0, "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, "other": 0}
        for status, count in self.seen(samples).items():
            found[status[0] + "xx" if status else "other"] += count
        silent = 1 + 2  # one of the conversations, and one of each load's
        self.assertEqual(sum(counted[0].values()) - counted[0]["req_tot"], counted[0]["req_tot"])
        self.assertEqual({**found, "4xx": found["4xx"] + silent, "req_tot": sum(found.values()) + silent}, counted[0])
        self.assertEqual(self.unobserved(samples), {})
        asked = self.requests(samples, http_case.CLIENT_DURATION)
        self.assertEqual(sum(asked.values()), len(self.lines("inner.log")))
        self.assertEqual({key[3] for key in asked if key[2] == "200"}, {"", "cut_short"})


class HaProxyOfTwoSchemes(WebServerCase):
    library = os.path.join(os.path.dirname(server_case.ServerCase.library), "libnotch_preload_tls.so")

    def ask_all(self, base):
        for method in METHODS:
            urls = [f"{base}/{status}" for status in STATUSES]
            words = ["-I"] if method == "HEAD" else ["-X", method] if method in ("GET", "DELETE") else ["-X", method, "-d", "body"]
            subprocess.run(["/usr/bin/curl", "-s", "-S", "-k", "--http1.1", *words, *urls], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)

    def test_sizes_by_method_and_status_of_http_and_https(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", self.path("both.pem"), "-out", self.path("certificate.pem")], check=True,
                       stderr=subprocess.DEVNULL)
        with open(self.path("both.pem"), "a", encoding="ascii") as both:
            both.write("\n".join(self.lines("certificate.pem")) + "\n")
        answers = "\n".join(f"  http-request return status {status} if {{ path /{status} }}" for status in STATUSES)
        tls_port = live_agent.free_port()
        configuration = self.write("haproxy.cfg", HAPROXY_MIX.format(folder=self.folder, port=self.port, tls_port=tls_port,
                                                                     answers=answers))
        server = self.start(["/usr/sbin/haproxy", "-W", "-f", configuration], self.port)
        for base in (f"http://127.0.0.1:{self.port}", f"https://127.0.0.1:{tls_port}"):
            self.ask_all(base)
        self.stop(server, signal.SIGUSR1)
        logged = collections.Counter()
        for line in self.lines("server.out"):
            if found := re.match(r"access (\w+) (\d+) ([01])", line):
                logged[found[1], found[2], "https" if found[3] == "1" else "http"] += 1
        self.assertEqual(len(logged), 2 * len(METHODS) * len(STATUSES))
        samples = self.page()
        for family in ("http_server_request_body_size_bytes", server_case.SIZES):
            seen = collections.Counter()
            for (name, text), value in samples.items():
                labels = dict(server_case.http_case.preload_test_case.LABEL.findall(text))
                if name == family + "_count" and value:
                    seen[tuple(labels.get(label, "overflow") for label in (
                        "http_request_method", "http_response_status_code", "url_scheme"))] += value
            self.assertEqual(seen, logged, family)


class Nginx(WebServerCase):
    def run_nginx(self):
        configuration = self.write("nginx.conf", NGINX.format(folder=self.folder, port=self.port))
        self.hold(["/usr/sbin/nginx", "-c", configuration, "-e", self.path("error.log")], signal.SIGQUIT, signal.SIGHUP)

    def test_two_workers(self):
        self.run_nginx()

    def test_a_directory_that_is_closed_to_the_workers_user(self):
        os.chmod(self.agent.directory, 0o700)
        self.run_nginx()
        [said] = [line for line in self.lines("server.out") if line.startswith("notch: ")]
        self.assertIn("executes as another user are not measured", said)


class NodeCluster(WebServerCase):
    def run_cluster(self, policy):
        script = self.write("cluster.js", CLUSTER.format(policy=policy, port=self.port))
        server = self.start(["/usr/bin/node", script], self.port)
        self.mixed_load(self.port)
        self.stop(server)
        self.assert_all_seen(self.statuses())

    def test_connections_that_the_master_sends(self):
        self.run_cluster("SCHED_RR")

    def test_a_listener_that_the_master_sends(self):
        self.run_cluster("SCHED_NONE")


if __name__ == "__main__":
    unittest.main(verbosity=2)
