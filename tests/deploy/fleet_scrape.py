#!/usr/bin/python3
"""Measures what scraping many hosts costs one Prometheus: many loopback addresses, each a target, serve a real agent's page.
The figures of deploy/README.md come from it. Called by: fleet_test, with few hosts; by hand.

Usage: fleet_scrape.py PROGRAMS_FOLDER HOSTS [SECONDS]   (interval 15 s; one job scrapes each host)
Prints the page's size and samples, and Prometheus' own measurements: samples a second, bytes, CPU, memory.
"""

import gzip
import http.server
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import live_agent  # noqa: E402  (found through the line above)
import scratch  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def page_of(programs, folder):
    """A page of an agent with the demonstration's four workers, plain and as it goes over the wire."""
    agent = live_agent.Agent(os.path.join(programs, "notchd"), os.path.join(folder, "segments"))
    agent.start_and_wait()
    demo = subprocess.Popen([os.path.join(programs, "otlp_demo"), "--workers", "4"], stdout=subprocess.DEVNULL,
                            env=live_agent.environment(NOTCH_DIR=agent.directory, NOTCH_SERVICE="otlp-service"))
    try:
        time.sleep(8)
        zipped = agent.get(Accept_Encoding="gzip").body  # one page: the next has more series
        return gzip.decompress(zipped), zipped
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait()
        agent.end()


def serve(zipped):
    """The page on every loopback address, on one port."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Encoding: gzip\r\n"
                             b"Content-Length: %d\r\n\r\n" % len(zipped) + zipped)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 1024
        daemon_threads = True

        def verify_request(self, request, client_address):
            return client_address[0].startswith("127.")

        def handle_error(self, *_):
            """A connection that ends with its Prometheus is nothing to tell of."""

    server = Server(("0.0.0.0", 0), Handler)  # for 127.0.0.0/8; others are turned away
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def write_configuration(folder, hosts, port, interval_s):
    targets = ", ".join(f"127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}:{port}" for i in range(hosts))
    with open(os.path.join(folder, "prometheus.yml"), "w", encoding="utf-8") as file:
        file.write(f"global: {{scrape_interval: {interval_s}s, scrape_timeout: {interval_s}s}}\n"
                   f"scrape_configs:\n- job_name: notch\n  static_configs: [{{targets: [{targets}]}}]\n")
    return len(set(targets.split(", ")))


def used(pid):
    """CPU seconds and resident bytes of a process."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def measure(programs, hosts, seconds, interval_s=15):
    """{what: figure} of one Prometheus that scrapes so many hosts."""
    import live_prometheus  # its query; not its start, which wants one target
    with scratch.folder() as folder:
        plain, zipped = page_of(programs, folder)
        samples = len([line for line in plain.splitlines() if line and not line.startswith(b"#")])
        server = serve(zipped)
        hosts = write_configuration(folder, hosts, server.server_address[1], interval_s)
        port = live_agent.free_port()
        with open(os.path.join(folder, "log"), "wb") as log:
            process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                        f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        prometheus = live_prometheus.Prometheus.__new__(live_prometheus.Prometheus)
        prometheus.port, prometheus.process = port, process
        try:
            time.sleep(2 * interval_s + 5)  # the first scrapes make the series
            before, _ = used(process.pid)
            time.sleep(seconds)
            after, resident = used(process.pid)
            return {"page_bytes": len(plain), "wire_bytes": len(zipped), "page_samples": samples, "hosts": hosts,
                    "up": prometheus.value("sum(up)"), "stored": prometheus.value("sum(scrape_samples_post_metric_relabeling)"),
                    "samples_per_s": prometheus.value("sum(scrape_samples_post_metric_relabeling)") / interval_s,
                    "cpu_share": (after - before) / seconds, "resident_bytes": resident}
        finally:
            process.kill()
            process.wait()
            server.shutdown()
            server.server_close()


def main(argv):
    figures = measure(argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else 45)
    for what, figure in figures.items():
        print(f"{what}: {figure:.4g}" if isinstance(figure, float) else f"{what}: {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
