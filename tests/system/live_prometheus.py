"""A real Prometheus of the test's own, in a folder of its own, on a free port. It scrapes each second, or at a given interval.
Called by: prometheus_test, exposition_prometheus, dashboards_test, hostile_case.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request

import live_agent

DEADLINE_S = 60


class Prometheus:
    """Scrapes every job {name: metrics path} of one target; ends with the `with` block. `more`: lines of each job's."""

    def __init__(self, folder, target, jobs, native, more="", every_s=1):
        if shutil.which("prometheus") is None:
            sys.exit("prometheus is missing: install the Debian package prometheus")
        self.jobs = jobs
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"global: {{scrape_interval: {every_s}s, scrape_timeout: {every_s}s}}\nscrape_configs:\n" + "".join(
                f"- job_name: {job}\n  metrics_path: {path}\n  honor_labels: true\n"
                f"  static_configs: [{{targets: ['{target}']}}]\n{more}" for job, path in jobs.items()))
        self.port = live_agent.free_port()
        self.log_path = os.path.join(folder, "prometheus.log")
        features = "exemplar-storage" + (",native-histograms" if native else "")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", f"--enable-feature={features}"],
                stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def scraped(self):
        """True once every target was scraped; an error of a scrape ends the test."""
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8") as file:
                raise AssertionError(f"prometheus ended with {self.process.returncode}: {file.read()[-2000:]}")
        try:
            targets = self.get("targets")["activeTargets"]
        except OSError:
            return False
        faults = [f'{t["labels"]["job"]}: {t["lastError"]}' for t in targets if t["lastError"]]
        if faults:
            raise AssertionError(f"not every scrape went well: {faults}")
        return len(targets) == len(self.jobs) and all(t["health"] == "up" for t in targets)

    def wait_for_scrapes(self):
        live_agent.until(DEADLINE_S, "a scrape of every target", self.scraped)

    def own_figures(self):
        """What the server says of itself, of the families without labels: {name: value}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines if line[0] != "#" and "{" not in line)}

    def query(self, query):
        """The instant vector: [(labels, value)]."""
        return [(r["metric"], float(r["value"][1])) for r in self.get("query", query=query)["result"]]

    def value(self, query):
        """The one number that `query` gives; None without a result."""
        result = self.query(query)
        return result[0][1] if len(result) == 1 else None
