"""The part of Kustomize that deploy/kubernetes uses: resources, namespace, images, JSON patches on one target. An unknown
key is an error, so that no part is left out silently. Called by: kubernetes_test, kubernetes_schema_test.
"""
import os

import yaml

KNOWN = {"apiVersion", "kind", "resources", "namespace", "images", "patches"}
WITHOUT_NAMESPACE = {"Namespace"}


def documents(path):
    with open(path, encoding="utf-8") as file:
        return [document for document in yaml.safe_load_all(file) if document is not None]


def pod_specs(resource):
    template = resource.get("spec", {}).get("template") if resource["kind"] in ("DaemonSet", "Deployment") else None
    return [template["spec"]] if template else []


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def set_images(resource, images):
    for pod in pod_specs(resource):
        for container in containers(pod):
            for image in images:
                if container["image"].partition(":")[0] == image["name"]:
                    container["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"


def patch(resource, operations):
    """RFC 6902, only the operation replace: the replaced value must exist."""
    for operation in operations:
        if operation["op"] != "replace":
            raise ValueError(f"operation {operation['op']} is not known here")
        *way, last = operation["path"].strip("/").split("/")
        place = resource
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        key = int(last) if isinstance(place, list) else last
        place[key]  # pylint: disable=pointless-statement
        place[key] = operation["value"]


def render(folder):
    """[resource] that `kubectl kustomize FOLDER` would print, in any order."""
    (settings,) = documents(os.path.join(folder, "kustomization.yaml"))
    if unknown := set(settings) - KNOWN:
        raise ValueError(f"{folder}: {unknown} is not known here")
    resources = []
    for name in settings.get("resources", []):
        path = os.path.join(folder, name)
        resources += render(path) if os.path.isdir(path) else documents(path)
    for resource in resources:
        if "namespace" in settings and resource["kind"] not in WITHOUT_NAMESPACE:
            resource["metadata"]["namespace"] = settings["namespace"]
        set_images(resource, settings.get("images", []))
    for entry in settings.get("patches", []):
        target = entry["target"]
        (resource,) = [each for each in resources
                       if each["kind"] == target["kind"] and each["metadata"]["name"] == target["name"]]
        (operations,) = documents(os.path.join(folder, entry["path"]))
        patch(resource, operations)
    return resources
