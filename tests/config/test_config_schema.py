"""What editors and readers see comes from the models that load the files."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from kubepresso.config import MODULES, load_config
from kubepresso.config.document import parse
from kubepresso.config.reference import markdown
from kubepresso.config.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]


def valid(schema, content):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(content)


def test_complete_files_are_valid_by_the_schema(complete_text, complete_file):
    content = yaml.safe_load(complete_text)
    jsonschema.Draft202012Validator(json_schema()).validate(content)
    for name in MODULES:
        jsonschema.Draft202012Validator(json_schema(name)).validate({name: content[name]})
    resolved = yaml.safe_load(load_config(complete_file).to_yaml())
    jsonschema.Draft202012Validator(json_schema()).validate(resolved)


def test_the_networks_are_valid_by_the_schema(network_files):
    validator = jsonschema.Draft202012Validator(json_schema())
    for file in network_files.values():
        for text in (Path(file).read_text(), load_config(file).to_yaml()):
            validator.validate(parse(text, file).value)


def test_the_examples_are_valid_by_the_schema_and_load():
    folders = sorted({path.parent for path in (ROOT / "examples").rglob("data.yaml")})
    assert folders
    for folder in folders:
        load_config(str(folder))
        for path in folder.glob("*.yaml"):
            jsonschema.Draft202012Validator(json_schema(path.stem)).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("module", "content"),
    [
        ("training", {"epochs": 0}),
        ("training", {"epoch": 3}),
        ("training", {"optimizer": {"name": "sdg"}}),
        ("training", {"optimizer": {"name": "adam", "momentum": 0.9}}),
        ("environment", {"gpus": 0.5}),
        ("augmentation", {"train": [{"name": "resize"}]}),
        ("augmentation", {"train": [{"size": 3}]}),
        ("augmentation", {"train": [{"name": "resize", "size": [1, 2, 3]}]}),
    ],
)
def test_the_schema_refuses_what_loading_refuses(module, content):
    assert not valid(json_schema(module), {module: content})


@pytest.mark.parametrize(
    ("module", "content"),
    [
        ("training", {"optimizer": {"lr": 0.1}}),
        ("training", {"scheduler": {"end_epoch": 3}, "ema": None}),
        ("augmentation", {"train": None, "inference": [{"name": "resize", "size": 3}]}),
        ("environment", {"seed": None, "gpus": "0, 1"}),
        ("data", {"task": "classification", "pallete": [[0, 0, 0]], "id_mapping": [0, 1]}),
    ],
)
def test_the_schema_takes_what_loading_takes(module, content):
    jsonschema.Draft202012Validator(json_schema(module)).validate({module: content})


def test_every_key_has_a_description():
    def sections(part):
        if isinstance(part, dict):
            if "properties" in part:
                yield part
            for value in part.values():
                yield from sections(value)

    for section in sections(json_schema()):
        for key, value in section["properties"].items():
            assert value.get("description") or "const" in value or "$ref" in value, (section["title"], key)


def test_the_reference_in_docs_is_current():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text == markdown(), "run: kubepresso schema --markdown > docs/configuration.md"


def test_the_schema_names_nothing_foreign():
    assert "discriminator" not in json.dumps(json_schema())
