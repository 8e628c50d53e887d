"""The guide names what is there: parameters with their defaults, files, objects."""

import re
import shlex

import pytest
import yaml
from kustomizations import MANIFESTS, ROOT

from pipelines.train_compress_retrain import train_compress_retrain

GUIDE = (ROOT / "docs" / "installing.md").read_text()


@pytest.fixture(scope="module")
def parameters():
    return train_compress_retrain.component_spec.inputs


def test_every_parameter_stands_in_the_guide_with_its_default(parameters):
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|[^|]+\|$", GUIDE, re.M)
    told = {}
    for names, defaults in rows:
        found, values = re.findall(r"`(\w+)`", names), [value.strip() for value in defaults.split(",")]
        told.update(zip(found, values * len(found) if len(values) == 1 else values, strict=True))
    for name, declared in parameters.items():
        if name not in ("config_uri", "overrides"):
            assert told[name] == (str(declared.default) if declared.default not in ({}, []) else "none")


def test_the_commands_give_parameters_that_exist(parameters):
    (command,) = re.findall(r"kfp --endpoint.*?(?=\n\n)", GUIDE, re.S)
    given = set(re.findall(r"(?<=[\s'])(\w+)=", command))
    assert given
    assert given <= set(parameters)


def test_the_commands_give_values_of_the_types_that_the_server_wants(parameters):
    """kfp's command line makes a number of what looks like one; the server refuses it for a text."""
    from kfp.cli.utils.parsing import parse_parameter_value

    types = {"String": str, "Integer": int, "List": list, "Dict": dict}
    (command,) = re.findall(r"kfp --endpoint.*?(?=\n\n)", GUIDE, re.S)
    words = shlex.split(command.replace("\\\n", " "))
    given = dict(word.split("=", 1) for word in words if re.match(r"\w+=", word))
    assert {"config_uri", "overrides", "train_memory"} <= set(given)
    for name, text in given.items():
        wanted = types[parameters[name].type.title()]
        assert type(parse_parameter_value(text)) is wanted, f"{name}={text}"


def test_the_files_that_it_names_are_there():
    for path in re.findall(r"(?<![/\w])(?:manifests|pipelines|examples|components)/[\w/.-]+", GUIDE):
        made = path.endswith(".env") and (ROOT / f"{path}.example").exists()
        assert made or (ROOT / path.rstrip(".")).exists(), path


def test_the_secrets_that_pipelines_and_guide_name_are_those_that_are_made():
    content = yaml.safe_load((MANIFESTS / "secrets" / "kustomization.yaml").read_text())
    made = {entry["name"] for entry in content["secretGenerator"]}
    package = (ROOT / "pipelines" / "compiled" / "train_compress_retrain.yaml").read_text()
    assert set(re.findall(r"secretName: (kubepresso-(?!registry)\w+)", package)) <= made
    (row,) = re.findall(r"^\| Secrets (.+?) \|", GUIDE, re.M)
    assert {name.removeprefix("kubepresso-") for name in made} == {
        name.removeprefix("kubepresso").removeprefix("-") for name in re.findall(r"`([\w-]+)`", row)
    }
