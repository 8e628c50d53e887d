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
