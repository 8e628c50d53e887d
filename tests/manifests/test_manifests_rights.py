"""The launcher may do what it does, and nothing beyond that."""

import re

import pytest
import yaml
from kustomizations import ROOT, kustomize

from kubepresso.launch import TrainingError

#: Who runs the steps, by the overlay.
STEPS = {"base": set(), "overlays/laptop": {"pipeline-runner"}, "overlays/cloud": {"default-editor"}}


def rules_of(objects):
    return [
        rule for content in objects if content["kind"] in ("Role", "ClusterRole") for rule in content["rules"]
    ]


def granted(rules):
    return {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_no_rule_has_a_star_or_touches_secrets(objects):
    for rule in rules_of(objects):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"secrets", "pods/exec", "roles", "rolebindings"} & set(rule["resources"])


def test_the_rules_are_those_of_the_guide(objects):
    text = (ROOT / "docs" / "launching.md").read_text()
    documented = [
        document
        for block in re.findall(r"```yaml\n(.*?)```", text, re.S)
        for document in yaml.safe_load_all(block)
    ]
    assert granted(rules_of(objects)) == granted(rules_of(doc for doc in documented if "kind" in doc))


def test_the_training_runtime_has_all_that_the_guides_has(objects):
    text = (ROOT / "docs" / "launching.md").read_text()
    (documented,) = [
        document
        for block in re.findall(r"```yaml\n(.*?)```", text, re.S)
        for document in yaml.safe_load_all(block)
        if document.get("kind") == "ClusterTrainingRuntime"
    ]
    (runtime,) = [content for content in objects if content["kind"] == "TrainingRuntime"]
    assert list(_missing(documented["spec"], runtime["spec"], "spec")) == []


def _missing(wanted, found, place):
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from _missing(value, found.get(key), f"{place}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, value in enumerate(wanted):
            yield from _missing(value, found[index], f"{place}[{index}]")
    elif wanted != found and not (place.endswith("image") and str(found).startswith(f"{wanted}:")):
        yield f"{place}: {found!r}, not {wanted!r}"


def test_the_account_of_the_steps_has_the_rights_and_no_other_account_has(rendered):
    for name, steps in STEPS.items():
        (binding,) = [c for c in rendered[name] if c["kind"] == "RoleBinding"]
        assert {subject["name"] for subject in binding["subjects"]} == {"kubepresso-launcher", *steps}


def test_installations_in_two_namespaces_share_nothing(copied):
    """What one applies must not be taken from, nor deleted with, the other."""
    keys = {}
    for namespace in ("first", "second"):
        folder = copied / namespace
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(f"resources: [../base]\nnamespace: {namespace}\n")
        objects = yaml.safe_load_all(kustomize(folder).stdout)
        keys[namespace] = {
            (content["kind"], content["metadata"].get("namespace"), content["metadata"]["name"])
            for content in objects
        }
    assert len(keys["first"]) > 10
    assert not keys["first"] & keys["second"]


@pytest.mark.realdata
@pytest.mark.timeout(60)
def test_the_launcher_calls_all_that_it_is_granted(rendered, crds, tmp_path, bucket, monkeypatch):
    """So a right that nothing needs any more is found, as well as one that is missing."""
    from cluster_api import ClusterApi
    from cluster_script import Play
    from clusters import launcher

    rules = rules_of(rendered["base"])
    called = set()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KFP_POD_NAME", "step")
    for served in ("2.2", "pytorchjob"):

        def fails(api, made):
            play = Play(api, made)
            pod = play.pod()
            play.run(pod, "epoch 1/2")
            play.end(pod, 1)
            play.fail()

        api = ClusterApi(crds, (served,), rules)
        try:
            api.put("trainingruntimes", {"metadata": {"name": "kubepresso"}})
            api.on_job = fails
            for keep in (60, 60):  # the second finds what the first kept, and replaces it
                with pytest.raises(TrainingError):
                    launcher(api).run(training(tmp_path, bucket, keep_failed_seconds=keep))
        finally:
            api.close()
        called |= set(api.requests)
    assert called == granted(rules)


def training(folder, bucket, **distributed):
    from tiny_training import tiny_config

    from kubepresso.config import parse_view
    from kubepresso.launch import TrainingJob

    given = {"launcher": "auto", "gpus_per_node": 0, **distributed}
    config = tiny_config(environment__distributed=given)
    environment = parse_view(config).need("environment")
    return TrainingJob(
        config,
        environment,
        dataset=folder / "prepared",
        output=folder / "model",
        start=None,
        step_id="step",
        dataset_uri=f"{bucket}/dataset",
        output_uri=f"{bucket}/model",
    )
