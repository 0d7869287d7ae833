#!/usr/bin/python3
"""The Kubernetes files as Kustomize combines them: the differences of the two overlays, the rights that they ask for, that
their parts fit each other, and that the rules are those of deploy/prometheus. Called by: ctest.
"""
import os
import shutil
import subprocess
import sys
import unittest

import yaml

import kustomize

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

import scratch  # noqa: E402  (found through the line above)

DEPLOY = os.path.realpath(os.path.join(HERE, "..", "..", "deploy"))
KUBERNETES = os.path.join(DEPLOY, "kubernetes")
OVERLAYS = ("plain", "ebpf")
BUILD_RULES = os.path.join(KUBERNETES, "build-rules")


def of_kind(resources, kind):
    (found,) = [resource for resource in resources if resource["kind"] == kind]
    return found


def agent_pod(overlay):
    return of_kind(kustomize.render(os.path.join(KUBERNETES, overlay)), "DaemonSet")["spec"]["template"]["spec"]


def application_pod():
    (application,) = kustomize.documents(os.path.join(KUBERNETES, "example-application.yaml"))
    return application["spec"]["template"]["spec"]


def capabilities(container):
    return container["securityContext"]["capabilities"]


class Overlays(unittest.TestCase):
    def test_kubectl_puts_the_same_together(self):
        if shutil.which("kubectl") is None:
            print("skipped: kubernetes_test: kubectl is not installed; our own rendering is all there is")
            self.skipTest("no kubectl")
        for overlay in OVERLAYS:
            folder = os.path.join(KUBERNETES, overlay)
            done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True, timeout=60)
            def in_order(resources):
                return sorted(resources, key=lambda resource: (resource["kind"], resource["metadata"]["name"]))
            self.assertEqual(in_order(yaml.safe_load_all(done.stdout)), in_order(kustomize.render(folder)))

    def test_without_probes_nothing_is_root(self):
        pod = agent_pod("plain")
        self.assertEqual((pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]), (True, 9464))
        self.assertNotIn("add", capabilities(pod["containers"][0]))
        self.assertIn("--ebpf=off", pod["containers"][0]["args"])

    def test_probes_get_two_capabilities(self):
        pod = agent_pod("ebpf")
        self.assertEqual(capabilities(pod["containers"][0]), {"drop": ["ALL"], "add": ["BPF", "PERFMON"]})
        self.assertIn("--ebpf=auto", pod["containers"][0]["args"])
        self.assertNotIn("--ebpf=off", pod["containers"][0]["args"])

    def test_the_directory_is_the_agents(self):
        for overlay in OVERLAYS:
            pod = agent_pod(overlay)
            user = pod["securityContext"]["runAsUser"]
            (directory,) = pod["initContainers"]
            self.assertIn(f"chown {user}:{user} /run/notch && chmod 3777 /run/notch", directory["command"][-1])
            self.assertIn("--dir=/run/notch", pod["containers"][0]["args"])

    def test_no_container_has_more_rights_than_it_needs(self):
        pods = [agent_pod(overlay) for overlay in OVERLAYS] + [application_pod()]
        for pod in pods:
            self.assertFalse(pod["automountServiceAccountToken"])
            self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
            for container in kustomize.containers(pod):
                with self.subTest(container=container["name"]):
                    self.assertFalse(container["securityContext"]["allowPrivilegeEscalation"])
                    self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
                    self.assertEqual(capabilities(container)["drop"], ["ALL"])
                    self.assertIn("memory", container["resources"]["limits"])
                    self.assertRegex(container["image"], r":\d+\.\d+\.\d+\Z")


class Fit(unittest.TestCase):
    def test_application_and_agent_meet(self):
        def directory(pod):
            (path,) = [volume["hostPath"]["path"] for volume in pod["volumes"] if volume["name"] == "segments"]
            (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "segments"]
            return path, mount["mountPath"], mount.get("readOnly", False)
        application = application_pod()
        self.assertEqual(directory(application), directory(agent_pod("plain")))
        variables = {entry["name"]: entry["value"] for entry in application["containers"][0]["env"]}
        self.assertEqual(variables["NOTCH_DIR"], directory(application)[1])

    def test_the_monitor_finds_the_pods(self):
        resources = kustomize.render(os.path.join(KUBERNETES, "plain"))
        daemonset, monitor = of_kind(resources, "DaemonSet"), of_kind(resources, "PodMonitor")
        self.assertEqual(monitor["spec"]["selector"], daemonset["spec"]["selector"])
        self.assertEqual(daemonset["spec"]["selector"]["matchLabels"], daemonset["spec"]["template"]["metadata"]["labels"])
        (port,) = daemonset["spec"]["template"]["spec"]["containers"][0]["ports"]
        self.assertEqual({endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}, {port["name"]})
        self.assertIn(f"--listen=:{port['containerPort']}", daemonset["spec"]["template"]["spec"]["containers"][0]["args"])

    def test_the_jobs_are_those_of_prometheus(self):
        (config,) = kustomize.documents(os.path.join(DEPLOY, "prometheus", "prometheus.yml"))
        wanted = {job["job_name"]: [(rule["action"], rule["regex"]) for rule in job["metric_relabel_configs"]]
                  for job in config["scrape_configs"] if "metric_relabel_configs" in job}
        (monitor,) = kustomize.documents(os.path.join(KUBERNETES, "base", "podmonitor.yaml"))
        found = {endpoint["relabelings"][0]["replacement"]:
                 [(rule["action"], rule["regex"]) for rule in endpoint["metricRelabelings"]]
                 for endpoint in monitor["spec"]["podMetricsEndpoints"]}
        self.assertEqual(found, wanted)
        self.assertTrue(monitor["spec"]["scrapeNativeHistograms"])

    def test_the_rules_are_those_of_prometheus(self):
        subprocess.run([BUILD_RULES, "--check"], check=True, timeout=60)
        (rules,) = kustomize.documents(os.path.join(KUBERNETES, "base", "prometheusrule.yaml"))
        folder = os.path.join(DEPLOY, "prometheus", "rules")
        wanted = [group for name in sorted(os.listdir(folder)) if name.endswith(".yml")
                  for group in kustomize.documents(os.path.join(folder, name))[0]["groups"]]
        self.assertEqual(rules["spec"]["groups"], wanted)


class Runbook(unittest.TestCase):
    """What runbook_url leads to: a ConfigMap, in a Prometheus that mounts and serves it."""

    def setUp(self):
        resources = kustomize.render(os.path.join(KUBERNETES, "plain"))
        self.runbook, self.rules, self.monitor = (of_kind(resources, kind) for kind in ("ConfigMap", "PrometheusRule", "PodMonitor"))
        self.prometheus = of_kind(kustomize.documents(os.path.join(KUBERNETES, "example-prometheus.yaml")), "Prometheus")

    def links(self, rules):
        return {rule["annotations"]["runbook_url"].partition("#")[0]
                for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule}

    def test_prometheus_serves_the_runbook_where_the_links_lead(self):
        with open(os.path.join(DEPLOY, "RUNBOOK.md"), encoding="utf-8") as file:
            self.assertEqual(self.runbook["data"], {"RUNBOOK.md": file.read()})
        self.assertEqual(self.links(self.rules), {"{{ $externalURL }}/user/RUNBOOK.md"})
        name, spec = self.runbook["metadata"]["name"], self.prometheus["spec"]
        self.assertEqual(self.runbook["metadata"]["namespace"], self.prometheus["metadata"]["namespace"])
        self.assertEqual(spec["configMaps"], [name])
        self.assertEqual(spec["additionalArgs"], [{"name": "web.user-assets", "value": f"/etc/prometheus/configmaps/{name}"}])
        self.assertRegex(spec["externalUrl"], r"\Ahttps?://[^/]+\Z")

    def test_that_prometheus_takes_what_the_base_declares_and_may_read_no_more(self):
        spec, labels = self.prometheus["spec"], self.monitor["metadata"]["labels"]
        self.assertEqual(spec["podMonitorSelector"]["matchLabels"], labels)
        self.assertEqual(spec["ruleSelector"]["matchLabels"], self.rules["metadata"]["labels"])
        documents = kustomize.documents(os.path.join(KUBERNETES, "example-prometheus.yaml"))
        self.assertEqual(of_kind(documents, "Role")["rules"], [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}])
        self.assertEqual(of_kind(documents, "RoleBinding")["subjects"][0]["name"], spec["serviceAccountName"])

    def test_a_runbook_kept_elsewhere_is_named_in_one_place(self):
        folder = scratch.folder_of(self)
        shutil.copytree(DEPLOY, os.path.join(folder, "deploy"), ignore=shutil.ignore_patterns("secrets"))
        copy = os.path.join(folder, "deploy", "kubernetes")
        subprocess.run([os.path.join(copy, "build-rules"), "--runbook", "https://wiki.example.org/notch"], check=True, timeout=60)
        rules = of_kind(kustomize.render(os.path.join(copy, "plain")), "PrometheusRule")
        self.assertEqual(self.links(rules), {"https://wiki.example.org/notch"})
        done = subprocess.run([BUILD_RULES, "--runbook", "https://x/#y"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("without #", done.stderr)


class OwnRendering(unittest.TestCase):
    def test_it_refuses_what_it_does_not_know(self):
        with self.assertRaises(ValueError):
            kustomize.patch({"a": 1}, [{"op": "add", "path": "/b", "value": 2}])

    def test_a_patch_of_what_is_not_there_is_an_error(self):
        with self.assertRaises(KeyError):
            kustomize.patch({"a": {}}, [{"op": "replace", "path": "/a/b", "value": 2}])


if __name__ == "__main__":
    unittest.main()
