#!/usr/bin/python3
"""Every query of Beyla's RED dashboard has an answer when an unmodified server and its client are the only programs.
Called by: ctest, as dashboards_test.py NOTCHD LIBRARY. The scraper's configuration is the one that
client/preload/README.md tells the user to take.

The queries are those of the panels of grafana/beyla, ops/beyla-mixin/dashboards/application.json (commit
4810640a0064), in its variables' default, All: service by service, any job, any instance.
"""
import os
import re
import subprocess
import unittest

import live_agent
import live_prometheus
import preload_test_case

README = os.path.join(os.path.dirname(__file__), "../../client/preload/README.md")
RATE_INTERVAL = "10s"


def series(side, part, *more):
    """A selector of the dashboard: it knows the family by a pattern only, for exporters that name it differently."""
    labels = ['instance=~".+"', 'job=~".+"', f'__name__=~"http_{side}_request_duration.*{part}"', *more]
    return "rate({" + ",".join(labels) + "}[" + RATE_INTERVAL + "])"


def panels(side, service):
    """Panel and the labels it shows its lines by, to the question it asks."""
    its = f'service_name="{service}"'
    failed = 'http_response_status_code=~"(4|5).*"' if side == "server" else 'http_response_status_code=~"5.*"'
    rate = f"sum by (http_response_status_code) ({series(side, 'count', its)})"
    questions = {f"Duration, p{round(100 * q)}":
                 f"histogram_quantile({q}, sum by (service_name, le) ({series(side, 'bucket', its)}))"
                 for q in (0.99, 0.95)}
    questions["Duration, average"] = f"sum({series(side, 'sum', its)}) / sum({series(side, 'count', its)})"
    questions["Rate"] = rate
    questions["Error rate"] = (f"sum by (http_response_status_code) ({series(side, 'count', its, failed)}) / "
                               f"ignoring(http_response_status_code) group_left sum({series(side, 'count', its)})")
    return questions


SLOWEST = ("sort_desc(topk by (http_route, service_name) (5, max by (http_route, service_name) (histogram_quantile(0.95, "
           f"sum by (http_route, service_name, le) ({series('server', 'bucket')})))))")


def relabelling():
    """The lines that the README gives."""
    with open(README, encoding="utf-8") as file:
        return re.search(r"```yaml\n(    metric_relabel_configs:\n(?: .*\n)+?)```", file.read()).group(1)


class Dashboards(preload_test_case.PreloadTestCase):
    def start_server(self, port):
        server = subprocess.Popen(
            ["/usr/bin/python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"], cwd=self.folder,
            env=self.environment(NOTCH_SERVICE="the server"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

    def ask_server(self, port):
        """Two routes well and one ill, by a preloaded client; whether it was there."""
        base = f"http://127.0.0.1:{port}"
        self.run_program(["/usr/bin/curl", "-s", "-o", "/dev/null", base + "/", "-o", "/dev/null", base + "/users/17"],
                         {"NOTCH_SERVICE": "the client"})
        return self.run_program(["/usr/bin/curl", "-s", "-d", "x", base + "/"],
                                {"NOTCH_SERVICE": "the client"}).returncode == 0

    def numbers(self, prometheus, question):
        """The answer's values, by what it tells them apart by. NaN is no answer."""
        return {tuple(labels.items()): value for labels, value in prometheus.query(question) if value == value}

    def test_every_panel_has_data(self):
        port = live_agent.free_port()
        self.start_server(port)
        live_agent.until(20, "the server answers", lambda: self.ask_server(port))
        jobs = {"notch": "/metrics"}
        questions = {(side, what): question for side, service in (("server", "the server"), ("client", "the client"))
                     for what, question in panels(side, service).items()}
        questions["server", "Slowest routes"] = SLOWEST
        # The configuration as a user indents it is a job's.
        more = re.sub("(?m)^    ", "  ", relabelling())
        with live_prometheus.Prometheus(self.folder, self.agent.address, jobs, False, more) as prometheus:
            prometheus.wait_for_scrapes()
            answers = {}

            def all_answered():
                """Each code is a series that begins when it is first asked for, has a rate two scrapes later, and its
                share of all when the window has filled."""
                self.ask_server(port)
                answers.update((key, self.numbers(prometheus, question)) for key, question in questions.items())
                ill = sum(answers["server", "Error rate"].values())
                return all(answers.values()) and len(answers["server", "Rate"]) >= 3 and abs(ill - 2 / 3) < 0.2

            try:
                live_agent.until(40, "data for every panel", all_answered)
            except AssertionError:
                self.fail(f"no data for {sorted(key for key, answer in answers.items() if not answer)}, of {answers}")
            services = prometheus.get("label/service_name/values")
        self.assertLessEqual({"the server", "the client"}, set(services))
        self.assertEqual({dict(key)["http_response_status_code"] for key in answers["server", "Rate"]}, {"200", "404", "501"})
        self.assertEqual({dict(key)["http_response_status_code"] for key in answers["server", "Error rate"]}, {"404", "501"})
        self.assertEqual({dict(key)["http_response_status_code"] for key in answers["client", "Error rate"]}, {"501"})
        self.assertEqual({dict(key)["http_route"] for key in answers["server", "Slowest routes"]}, {"/", "/users/*"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
