"""Rules that every workload keeps: no root, no version left open, no open secret, limits and probes."""

import copy

import pytest
import workloads
import yaml
from kustomizations import MANIFESTS

RULES = [
    workloads.image_problems,
    workloads.security_problems,
    workloads.resource_problems,
    workloads.probe_problems,
    workloads.secret_problems,
    workloads.mount_problems,
]
#: A training ends by itself; the launcher follows it, and a probe would kill one that computes.
UNPROBED = {"TrainingRuntime"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_pod_keeps_to(rule, objects):
    found = list(workloads.pod_specs(objects))
    assert {"Deployment", "TrainingRuntime"} <= {kind for kind, _, _ in found}
    for kind, name, pod in found:
        if rule is workloads.probe_problems and kind in UNPROBED:
            continue
        assert not list(rule(pod)), f"{kind} {name}"


def spoil(pod, change):
    pod = copy.deepcopy(pod)
    change(pod, pod["containers"][0])
    return pod


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (workloads.image_problems, lambda pod, c: c.update(image="docker.io/library/nginx")),
        (workloads.image_problems, lambda pod, c: c.update(image="localhost:5000/nginx:latest")),
        (workloads.security_problems, lambda pod, c: pod["securityContext"].update(runAsUser=0)),
        (workloads.security_problems, lambda pod, c: pod.pop("automountServiceAccountToken")),
        (workloads.security_problems, lambda pod, c: c.pop("securityContext")),
        (workloads.resource_problems, lambda pod, c: c["resources"].pop("limits")),
        (workloads.probe_problems, lambda pod, c: c.pop("livenessProbe")),
        (workloads.secret_problems, lambda pod, c: c["env"].append({"name": "A_TOKEN", "value": "x"})),
        (workloads.secret_problems, lambda pod, c: c["env"].append({"name": "A", "value": "p://u:p@h"})),
        (workloads.mount_problems, lambda pod, c: pod["volumes"].clear()),
    ],
)
def test_a_rule_finds_what_breaks_it(rule, change, rendered):
    pod = next(pod for kind, _, pod in workloads.pod_specs(rendered["base"]) if kind == "Deployment")
    assert list(rule(spoil(pod, change)))


def test_no_secret_stands_in_the_manifests(objects):
    assert not [content for content in objects if content["kind"] == "Secret"]


def test_example_files_hold_no_value_that_works():
    for example in (MANIFESTS / "secrets").glob("*.example"):
        for line in example.read_text().splitlines():
            if line and not line.startswith("#"):
                assert line.endswith("=") or "PASSWORD@HOST" in line, f"{example.name}: {line}"


def test_every_server_has_a_disruption_budget_and_none_holds_up_a_drain(objects):
    budgets = {
        content["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"]: content["spec"]
        for content in objects
        if content["kind"] == "PodDisruptionBudget"
    }
    servers = {
        content["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for content in objects
        if content["kind"] in workloads.TEMPLATED
    }
    assert set(budgets) == servers
    assert all(spec["maxUnavailable"] >= 1 for spec in budgets.values())


def labels_of(objects):
    for content in objects:
        if content["kind"] in workloads.TEMPLATED:
            yield content["spec"]["template"]["metadata"]["labels"]
        if content["kind"] == "TrainingRuntime":
            (job,) = content["spec"]["template"]["spec"]["replicatedJobs"]
            yield job["template"]["spec"]["template"]["metadata"]["labels"]


def test_every_pod_of_ours_is_closed_until_a_policy_opens_it(objects):
    policies = [content["spec"] for content in objects if content["kind"] == "NetworkPolicy"]
    (deny,) = [spec for spec in policies if "ingress" not in spec and "egress" not in spec]
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    for labels in labels_of(objects):
        assert deny["podSelector"]["matchLabels"].items() <= labels.items()
        opened = [spec for spec in policies if spec["podSelector"]["matchLabels"].items() <= labels.items()]
        assert any("ingress" in spec for spec in opened), labels
    for spec in policies:
        assert {} not in spec.get("ingress", []), "open to all"
        assert {} not in spec.get("egress", []), "open to all"


def test_training_pods_do_not_reach_the_clouds_metadata_service(objects):
    for content in objects:
        for rule in content["spec"].get("egress", []) if content["kind"] == "NetworkPolicy" else []:
            for peer in rule.get("to", []):
                if "ipBlock" in peer and rule["ports"][-1]["port"] != 53:
                    assert "169.254.0.0/16" in peer["ipBlock"]["except"]


def test_steps_and_training_pods_may_call_mlflow_and_nobody_else_may(objects):
    (policy,) = [
        content["spec"]
        for content in objects
        if content["kind"] == "NetworkPolicy" and content["metadata"]["name"] == "kubepresso-mlflow"
    ]
    text = yaml.safe_dump(policy["ingress"])
    assert "pipeline/runid" in text
    assert "component: training" in text
    assert len(policy["ingress"][0]["from"]) == 2


def mlflow_server(objects):
    (pod,) = [pod for _, name, pod in workloads.pod_specs(objects) if name == "kubepresso-mlflow"]
    return pod["containers"][0]


def allowed_hosts(objects):
    """The names that the server answers to, as the kubelet writes them: ``$(NAME)`` filled in."""
    (namespace,) = {c["metadata"]["namespace"] for c in objects if c["kind"] == "Deployment"}
    given = {entry["name"]: entry for entry in mlflow_server(objects)["env"]}
    at = given["POD_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert at == "metadata.namespace"
    order = list(given)
    assert order.index("POD_NAMESPACE") < order.index("MLFLOW_SERVER_ALLOWED_HOSTS"), "filled in by order"
    text = given["MLFLOW_SERVER_ALLOWED_HOSTS"]["value"].replace("$(POD_NAMESPACE)", namespace)
    return namespace, text.split(",")


def test_mlflow_answers_to_every_name_of_its_service(objects):
    from mlflow.server.security_utils import is_allowed_host_header

    namespace, allowed = allowed_hosts(objects)
    service = "kubepresso-mlflow"
    full = f"{service}.{namespace}.svc"
    names = [service, f"{service}.{namespace}", full, f"{full}.cluster.local", "localhost", "127.0.0.1"]
    assert [name for name in names if not is_allowed_host_header(allowed, f"{name}:5000")] == []


def test_no_name_that_a_stranger_can_register_leads_to_mlflow(objects):
    """Such a name, made to point at a port-forward, would let a web page read all runs: DNS rebinding."""
    from mlflow.server.security_utils import is_allowed_host_header

    namespace, allowed = allowed_hosts(objects)
    service = "kubepresso-mlflow"
    for name in (service, f"{service}.{namespace}", f"{service}.{namespace}.svc", "localhost", "127.0.0.1"):
        assert not is_allowed_host_header(allowed, f"{name}.attacker.example:5000"), name
        assert not is_allowed_host_header(allowed, f"{name}-attacker.example:5000"), name


def test_no_pod_of_ours_gets_a_proxy_that_would_outlive_or_close_it(objects):
    """A profile's namespace adds Istio's sidecar: a training would never end, and steps not reach MLflow."""
    for labels in labels_of(objects):
        assert labels["sidecar.istio.io/inject"] == "false", labels


def test_a_private_registry_is_one_secret_and_nothing_else(objects):
    for content in objects:
        if content["kind"] == "ServiceAccount" and content["metadata"]["name"] != "kubepresso-launcher":
            assert content["imagePullSecrets"] == [{"name": "kubepresso-registry"}], content["metadata"]
