#!/usr/bin/python3
"""Checks every resource against the published types of Kubernetes and of the Prometheus operator, from the npm packages
kubernetes-models and @kubernetes-models/prometheus-operator. The test writes the resources as literals of those types, so
that the TypeScript compiler finds unknown fields, missing fields and values of the wrong type.
Called by: ctest, as kubernetes_schema_test.py WORK_FOLDER, which keeps the packages.
"""
import json
import os
import shutil
import subprocess
import sys
import unittest

import kustomize

KUBERNETES = os.path.realpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "kubernetes"))
WORK = sys.argv.pop(1)
PACKAGES = {"kubernetes-models": "5.1.0", "@kubernetes-models/prometheus-operator": "6.0.0", "typescript": "5.8.3"}
HOMES = {"monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator"}


def install():
    """The packages, if they are not there; what went wrong, or an empty string."""
    manifest = json.dumps({"private": True, "type": "module", "dependencies": PACKAGES})
    stamp = os.path.join(WORK, "installed")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == manifest:
                return ""
    os.makedirs(WORK, exist_ok=True)
    with open(os.path.join(WORK, "package.json"), "w", encoding="utf-8") as file:
        file.write(manifest)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=WORK, check=False,
                          capture_output=True, text=True, timeout=240)
    if done.returncode != 0:
        return "npm cannot install the types: " + " ".join(done.stderr.split())[:200]
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(manifest)
    return ""


def complaints(resources):
    """The compiler's lines."""
    lines = []
    for number, resource in enumerate(resources):
        version, kind = resource["apiVersion"], resource["kind"]
        module = f"{HOMES.get(version, 'kubernetes-models')}/{version}/{kind}"
        lines.append(f"import type {{I{kind} as Type{number}}} from '{module}';\n"
                     f"export const resource{number}: Type{number} = {json.dumps(resource)};\n")
    with open(os.path.join(WORK, "resources.ts"), "w", encoding="utf-8") as file:
        file.write("".join(lines))
    done = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
         "--target", "es2022", "--moduleResolution", "bundler", "resources.ts"], cwd=WORK, check=False,
        capture_output=True, text=True, timeout=240)
    return done.stdout


class Schema(unittest.TestCase):
    def test_the_files_are_of_the_published_types(self):
        resources = [resource for name in ("application", "prometheus")
                     for resource in kustomize.documents(os.path.join(KUBERNETES, f"example-{name}.yaml"))]
        for overlay in ("plain", "ebpf"):
            resources += kustomize.render(os.path.join(KUBERNETES, overlay))
        self.assertEqual(complaints(resources), "")

    def test_faults_are_found(self):
        good = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}}
        monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "x"}}
        found = complaints([{**good, "automount": False}, {**good, "automountServiceAccountToken": "no"},
                            {**monitor, "spec": {}}, good])
        for words in ("automount", "Type 'string' is not assignable to type 'boolean", "selector"):
            self.assertIn(words, found)
        self.assertNotIn("resource3", found)


if __name__ == "__main__":
    reason = "npm is not installed" if shutil.which("npm") is None else install()
    if reason:
        print(f"skipped: kubernetes_schema_test: {reason}")
        sys.exit(77)
    unittest.main()
