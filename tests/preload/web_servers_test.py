#!/usr/bin/python3
"""Apache in its three ways, HAProxy as Debian starts it, nginx as root starts it: their logs against the page.
Called by: ctest, as web_servers_test.py NOTCHD LIBRARY NOTCH.
"""
import os
import re
import signal
import unittest

import live_agent
import server_case

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
  log stdout format raw daemon
  chroot {folder}/jail
  user haproxy
  group haproxy
  maxconn 200
  nbthread 1
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
  http-request return status 200 content-type text/plain string "hello"
"""

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
        os.mkdir(self.path("jail"))
        self.port = live_agent.free_port()

    def statuses(self):
        """The first word of each line of the access log: a server may have closed before it was asked. Without a whole
        request 408, and nginx's 499, have none on the wire."""
        return [line.split()[0] for line in self.lines("access.log")]


class Apache(WebServerCase):
    def run_way(self, way, more="", stop=signal.SIGWINCH):
        configuration = self.write("apache.conf", APACHE.format(folder=self.folder, port=self.port, way=way, more=more))
        server = self.start(["/usr/sbin/apache2", "-f", configuration, "-D", "FOREGROUND"], self.port)
        self.mixed_load(self.port)
        self.stop(server, stop)
        self.assert_all_seen(self.statuses())

    def test_prefork(self):
        self.run_way("prefork")

    def test_worker(self):
        self.run_way("worker")

    def test_event(self):
        self.run_way("event")

    def test_children_that_come_and_go(self):
        self.run_way("prefork", "MaxConnectionsPerChild 3")


class HaProxy(WebServerCase):
    # One thread: HAProxy drops a line that another thread is just writing (its dropped_logs).
    # dontlognull: wrk tries one connection without a word, which would be a line with 400.
    def test_master_and_worker_behind_a_chroot(self):
        configuration = self.write("haproxy.cfg", HAPROXY.format(folder=self.folder, port=self.port))
        server = self.start(["/usr/sbin/haproxy", "-Ws", "-f", configuration], self.port)
        self.mixed_load(self.port)
        self.stop(server, signal.SIGUSR1)
        logged = [found[1] for line in self.lines("server.out") if (found := re.match(r"access (\d+)", line))]
        self.assert_all_seen(logged)


class Nginx(WebServerCase):
    def run_nginx(self):
        configuration = self.write("nginx.conf", NGINX.format(folder=self.folder, port=self.port))
        server = self.start(["/usr/sbin/nginx", "-c", configuration, "-e", self.path("error.log")], self.port)
        self.mixed_load(self.port)
        self.stop(server, signal.SIGQUIT)
        self.assert_all_seen(self.statuses())

    def test_two_workers(self):
        self.run_nginx()

    def test_a_directory_that_is_closed_to_the_workers_user(self):
        os.chmod(self.agent.directory, 0o700)
        self.run_nginx()


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
