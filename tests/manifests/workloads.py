"""What a pod must keep to, whatever it runs: the rules, each a generator of what is wrong."""

TEMPLATED = {"Deployment", "StatefulSet", "DaemonSet", "Job"}


def pod_specs(objects):
    """Yield the kind, the name and the pod spec of everything that makes pods."""
    for content in objects:
        name = content["metadata"]["name"]
        if content["kind"] in TEMPLATED:
            yield content["kind"], name, content["spec"]["template"]["spec"]
        if content["kind"] == "TrainingRuntime":
            for job in content["spec"]["template"]["spec"]["replicatedJobs"]:
                yield content["kind"], name, job["template"]["spec"]["template"]["spec"]


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"]]


def image_problems(pod):
    for container in containers(pod):
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if not any(character.isdigit() for character in tag):
            yield f"{container['name']}: {container['image']} names no version"


def security_problems(pod):
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield "runs as root, or as a user without a number"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "gets a token for an API that it does not call"
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "mounts a path of the node"
    for container in containers(pod):
        yield from _container_security_problems(container)


def _container_security_problems(container):
    own = container.get("securityContext", {})
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield f"{container['name']}: may gain rights"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{container['name']}: keeps capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{container['name']}: may write to its image"


def resource_problems(pod):
    for container in containers(pod):
        resources = container.get("resources", {})
        if "memory" not in resources.get("limits", {}):
            yield f"{container['name']}: no limit on memory"
        if {"cpu", "memory"} - set(resources.get("requests", {})):
            yield f"{container['name']}: no requests"


def probe_problems(pod):
    for container in pod["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"{container['name']}: no {probe}"


def secret_problems(pod):
    for container in containers(pod):
        for entry in container.get("env", []):
            secret = any(word in entry["name"] for word in ("KEY", "PASSWORD", "TOKEN", "SECRET"))
            if secret and "value" in entry:
                yield f"{container['name']}: {entry['name']} stands in the open"
            if "://" in str(entry.get("value", "")) and "@" in entry["value"]:
                yield f"{container['name']}: {entry['name']} is a URI with a password"


def mount_problems(pod):
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    claimed = {"data"}  # by a StatefulSet's own claim
    for container in containers(pod):
        names = {mount["name"] for mount in container.get("volumeMounts", [])}
        if missing := names - volumes - claimed:
            yield f"{container['name']}: no volume {missing}"
        if "/tmp" not in {mount["mountPath"] for mount in container.get("volumeMounts", [])}:
            yield f"{container['name']}: has no place for temporary files"
