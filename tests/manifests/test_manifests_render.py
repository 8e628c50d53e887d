"""Each kustomization renders from a clean checkout, and an API server would take all that comes out."""

import copy
import shutil

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cluster_rules import broken_rules
from cluster_schemas import FILES, schema_of, validator
from kustomizations import MANIFESTS, kustomize

KUBERNETES = "1.32"
CUSTOM = {"TrainingRuntime", "LocalQueue"}


def test_every_object_of_kubernetes_fits_its_schema_to_the_last_field(objects):
    for content in objects:
        if content["kind"] not in CUSTOM:
            kubernetes_validate.validate(content, KUBERNETES, strict=True)


def test_the_schemas_refuse_a_field_that_is_misspelt(rendered):
    deployment = next(content for content in rendered["base"] if content["kind"] == "Deployment")
    wrong = yaml.safe_load(yaml.safe_dump(deployment))
    wrong["spec"]["template"]["spec"]["automountServiceAcountToken"] = False
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.realdata
def test_the_training_runtime_fits_trainers_own_schema(objects, crds):
    check = validator(crds / FILES["runtime"])
    (runtime,) = [content for content in objects if content["kind"] == "TrainingRuntime"]
    check.validate({**runtime, "metadata": {}})
    assert list(broken_rules(schema_of(crds / FILES["runtime"]), runtime)) == []
    wrong = copy.deepcopy(runtime["spec"])
    del wrong["template"]["spec"]["replicatedJobs"][0]["name"]
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**runtime, "metadata": {}, "spec": wrong})


def test_names_are_not_given_twice_and_everything_is_in_one_namespace(objects):
    keys = [(content["kind"], content["metadata"]["name"]) for content in objects]
    assert len(set(keys)) == len(keys)
    spaces = {content["metadata"].get("namespace") for content in objects} - {None}
    assert len(spaces) == 1
    for content in objects:
        for subject in content.get("subjects", []):
            assert subject["namespace"] in spaces


def test_what_pods_refer_to_is_there(rendered):
    made_by_secrets = {
        entry["name"]
        for entry in yaml.safe_load((MANIFESTS / "secrets" / "kustomization.yaml").read_text())[
            "secretGenerator"
        ]
    }
    for name, objects in rendered.items():
        there = {(content["kind"], content["metadata"]["name"]) for content in objects}
        text = yaml.safe_dump([content.get("spec") for content in objects])
        for claim in set(_values(text, "claimName")):
            assert ("PersistentVolumeClaim", claim) in there, name
        for account in set(_values(text, "serviceAccountName")):
            assert ("ServiceAccount", account) in there, name
        for content in objects:
            for kind, reference in _references(content):
                exists = reference in made_by_secrets if kind == "Secret" else (kind, reference) in there
                assert exists, f"{name}: {kind} {reference}"


def _values(text, key):
    for line in text.splitlines():
        if line.strip().startswith(f"{key}:"):
            yield line.partition(":")[2].strip()


def _references(content):
    if isinstance(content, list):
        for item in content:
            yield from _references(item)
    if isinstance(content, dict):
        for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if key in content:
                yield kind, content[key]["name"]
        for item in content.values():
            yield from _references(item)


def test_secrets_come_from_files_that_git_does_not_know(tmp_path):
    folder = shutil.copytree(MANIFESTS / "secrets", tmp_path / "secrets", ignore=_no_env)
    missing = kustomize(folder)
    assert missing.returncode != 0, "without the files there must be no empty Secret"
    assert "s3.env" in missing.stderr
    for example in folder.glob("*.example"):
        example.rename(example.with_suffix(""))
    (folder / "s3.env").write_text("AWS_ACCESS_KEY_ID=name\nAWS_SECRET_ACCESS_KEY=hidden\n")
    run = kustomize(folder)
    assert run.returncode == 0, run.stderr
    made = {content["metadata"]["name"]: content for content in yaml.safe_load_all(run.stdout)}
    assert set(made["kubepresso-s3"]["data"]) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert "kubepresso-mlflow" in made, "names without a suffix: the pipelines name them"
    assert "hidden" not in run.stdout
    assert "*.env" in (MANIFESTS / "secrets" / ".gitignore").read_text().split()


def _no_env(folder, names):
    return [name for name in names if name.endswith(".env")]
