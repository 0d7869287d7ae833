"""Parsers of a page that other projects wrote: python3-prometheus-client's parsers, and promtool.
Called by: the tests of this folder.
"""
import shutil
import subprocess
import sys

try:
    from prometheus_client import parser as text_parser
    from prometheus_client.openmetrics import parser as openmetrics_parser
except ImportError:
    sys.exit("prometheus_client for /usr/bin/python3 is missing: install python3-prometheus-client")

# The first has its name from the dashboards that ask for it, the others from OpenTelemetry.
KNOWN_LINT = frozenset(
    f'{name} non-histogram and non-summary metrics should not have "_count" suffix'
    for name in ("otlp_system_tasks_count", "process_thread_count", "process_unix_file_descriptor_count"))


def openmetrics(page):
    """The families by name, or the strict parser's complaint as a ValueError."""
    return {family.name: family for family in openmetrics_parser.text_string_to_metric_families(page.decode())}


def text(page):
    return {family.name: family for family in text_parser.text_string_to_metric_families(page.decode())}


def promtool_complaints(page, lint=True):
    """What promtool has against a text page, without the known lint; `lint`: its views on names too."""
    if shutil.which("promtool") is None:
        sys.exit("promtool is missing: install the Debian package prometheus")
    run = subprocess.run(["promtool", "check", "metrics"], input=page, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    if run.returncode == 3 and not lint:
        return []
    # node_exporter's names, which the dashboards have, do not please it either.
    lines = [line for line in run.stdout.decode().split("\n")
             if line and line not in KNOWN_LINT and not (run.returncode == 3 and line.startswith("node_"))]
    if run.returncode not in (0, 3):  # 3: lint alone
        lines.append(f"promtool ended with {run.returncode}")
    return lines


def samples(families):
    """{(sample name, labels): value}; `le` as a number, which the formats write differently."""
    found = {}
    for family in families.values():
        for sample in family.samples:
            labels = dict(sample.labels)
            if "le" in labels:
                labels["le"] = float(labels["le"])
            found[sample.name, frozenset(labels.items())] = sample.value
    return found
