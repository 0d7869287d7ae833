#!/usr/bin/python3
"""The Kubernetes files as Kustomize puts them together: what the two overlays differ in, what rights they ask for, that
their parts fit each other, and that the rules are Prometheus' own. Called by: ctest.
"""
import os
import shutil
import subprocess
import unittest

import yaml

import kustomize

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.realpath(os.path.join(HERE, "..", "..", "deploy"))
KUBERNETES = os.path.join(DEPLOY, "kubernetes")
OVERLAYS = ("plain", "ebpf")


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

    def test_the_rules_are_those_of_prometheus(self):
        subprocess.run([os.path.join(KUBERNETES, "build-rules"), "--check"], check=True, timeout=60)
        (rules,) = kustomize.documents(os.path.join(KUBERNETES, "base", "prometheusrule.yaml"))
        folder = os.path.join(DEPLOY, "prometheus", "rules")
        wanted = [group for name in sorted(os.listdir(folder)) if name.endswith(".yml")
                  for group in kustomize.documents(os.path.join(folder, name))[0]["groups"]]
        self.assertEqual(rules["spec"]["groups"], wanted)


class OwnRendering(unittest.TestCase):
    def test_it_refuses_what_it_does_not_know(self):
        with self.assertRaises(ValueError):
            kustomize.patch({"a": 1}, [{"op": "add", "path": "/b", "value": 2}])

    def test_a_patch_of_what_is_not_there_is_an_error(self):
        with self.assertRaises(KeyError):
            kustomize.patch({"a": {}}, [{"op": "replace", "path": "/a/b", "value": 2}])


if __name__ == "__main__":
    unittest.main()
