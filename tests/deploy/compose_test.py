#!/usr/bin/python3
"""docker-compose accepts the Compose file, and the file keeps the rules of its README: nothing starts without its secrets,
every service restarts and has a health check, and every mounted file exists. Called by: ctest.
"""
import os
import shutil
import subprocess
import sys
import unittest

import yaml

DEPLOY = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))
COMPOSE = os.path.join(DEPLOY, "compose")
FILE = os.path.join(COMPOSE, "docker-compose.yml")


def config(**environment):
    done = subprocess.run(["docker-compose", "--ansi", "never", "-f", FILE, "config"], capture_output=True, text=True, check=False,
                          timeout=60, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment})
    return done.returncode, done.stdout, done.stderr


def mounts(service):
    """[(source, target, is read-only)]: Compose 1 prints what is written, Compose 2 its parts."""
    for mount in service.get("volumes", []):
        if isinstance(mount, dict):
            yield mount["source"], mount["target"], mount.get("read_only", False)
        else:
            source, target, *options = mount.split(":")
            yield source, target, "ro" in "".join(options).split(",")


def ports(service):
    """[ADDRESS:PORT:PORT OF THE CONTAINER], likewise."""
    return [f'{port.get("host_ip", "")}:{port["published"]}:{port["target"]}' if isinstance(port, dict) else str(port)
            for port in service.get("ports", [])]


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        code, output, errors = config(GRAFANA_USER="somebody")
        assert code == 0, errors
        cls.services = yaml.safe_load(output)["services"]
        with open(FILE, encoding="utf-8") as file:
            cls.written = yaml.safe_load(file)

    def test_without_a_name_for_grafana_nothing_starts(self):
        code, output, errors = config()
        self.assertNotEqual(code, 0)
        self.assertEqual(output, "")
        self.assertIn("set GRAFANA_USER", errors)

    def test_no_secret_is_in_the_repository(self):
        for name, secret in self.written["secrets"].items():
            self.assertEqual(list(secret), ["file"], name)
            path = os.path.relpath(os.path.join(COMPOSE, secret["file"]), os.path.join(DEPLOY, ".."))
            tracked = subprocess.run(["git", "-C", DEPLOY, "ls-files", ":/" + path], capture_output=True, text=True,
                                     check=True, timeout=60).stdout
            self.assertEqual(tracked, "", name)
        for name, service in self.services.items():
            for variable, value in service.get("environment", {}).items():
                if "PASSWORD" in variable or "SECRET" in variable or "TOKEN" in variable:
                    self.assertTrue(variable.endswith("__FILE") and value.startswith("/run/secrets/"), f"{name} {variable}")

    def test_everything_restarts_and_says_how_it_is(self):
        for name, service in self.services.items():
            with self.subTest(name=name):
                self.assertEqual(service["restart"], "unless-stopped")
                self.assertEqual(list(service["networks"]), ["notch"])
                self.assertIn("healthcheck", service)

    def test_the_servers_are_started_as_the_guide_has_them(self):
        self.assertLessEqual({"--storage.tsdb.retention.time=30d", "--web.enable-lifecycle"}, set(self.services["prometheus"]["command"]))
        self.assertEqual(self.written["networks"], {"notch": {"driver": "bridge"}})
        self.assertLessEqual({"prometheus", "alertmanager", "grafana"}, set(self.written["volumes"]))
        self.assertIn("/etc/grafana/provisioning", [target for _, target, _ in mounts(self.services["grafana"])])

    def test_nothing_has_more_rights_than_it_needs(self):
        for name, service in self.services.items():
            with self.subTest(name=name):
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertNotIn("cap_add", service)
                self.assertNotIn("privileged", service)
                self.assertTrue(service["read_only"])
                self.assertIn("no-new-privileges:true", service["security_opt"])
                for port in ports(service):
                    self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_what_is_mounted_is_there_and_read_only(self):
        for name, service in self.services.items():
            for source, target, is_read_only in mounts(service):
                if source.startswith("/") and source != "/":
                    self.assertTrue(os.path.exists(source), f"{name}: {source}")
                if source.startswith("/"):
                    self.assertTrue(is_read_only, f"{name}: {target}")
                else:
                    self.assertIn(source, self.written["volumes"], name)

    def test_prometheus_serves_the_runbook_where_the_alerts_links_lead(self):
        prometheus = self.services["prometheus"]
        flags = dict(flag.lstrip("-").partition("=")[::2] for flag in prometheus["command"])
        self.assertEqual(flags["web.external-url"], f'http://{ports(prometheus)[0].rpartition(":")[0]}')
        source = {target: source for source, target, _ in mounts(prometheus)}
        self.assertEqual(source[flags["web.user-assets"] + "/RUNBOOK.md"], os.path.join(DEPLOY, "RUNBOOK.md"))

    def test_native_histograms_are_asked_for_as_the_image_knows_it(self):
        version = tuple(map(int, self.services["prometheus"]["image"].rpartition(":v")[2].split(".")))
        with open(os.path.join(DEPLOY, "prometheus", "prometheus.yml"), encoding="utf-8") as file:
            by_file = "scrape_native_histograms" in yaml.safe_load(file)["global"]
        by_flag = any("native-histograms" in flag for flag in self.services["prometheus"]["command"])
        # The flag is of 2.40 to 3.8, the file's setting of 3.8 and later.
        self.assertTrue(by_flag if version < (3, 9) else by_file)

    def test_images_are_of_one_version(self):
        for name, service in self.services.items():
            self.assertRegex(service["image"], r"\A[\w./-]+:v?\d+\.\d+\.\d+\Z", name)

    def test_prometheus_is_told_of_services_that_are_there(self):
        for name in sorted(os.listdir(os.path.join(COMPOSE, "targets"))):
            with open(os.path.join(COMPOSE, "targets", name), encoding="utf-8") as file:
                hosts = {target.split(":")[0] for entry in yaml.safe_load(file) for target in entry["targets"]}
            self.assertLessEqual(hosts, {"localhost", *self.services})

    def test_the_default_yaml_is_sound(self):
        done = subprocess.run(
            ["yamllint", "-s", "-d", "{extends: default, rules: {line-length: {max: 140}, document-start: disable, "
             "braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1}}}", COMPOSE,
             os.path.join(DEPLOY, "kubernetes")], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    if shutil.which("docker-compose") is None:
        print("skipped: compose_test: docker-compose is not installed")
        sys.exit(77)
    unittest.main()
