"""What the Dockerfile promises: a fixed base, no secrets, a user with a number, only what belongs in it."""

import re

import pytest
from kustomizations import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]


def last(instruction):
    return [line for line in LINES if line.startswith(f"{instruction} ")][-1]


def test_the_base_is_an_exact_version_and_can_be_replaced():
    (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", TEXT, re.M)
    assert "@sha256:" in base or re.search(r":3\.11\.\d+-slim", base)
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", TEXT, re.M)
    names = {name for _, name in stages}
    assert {source for source, _ in stages} <= {"${BASE_IMAGE}", *names}


def test_it_ends_as_a_user_that_is_not_root_by_number():
    user, group = last("USER").split()[1].split(":")
    assert int(user) > 0
    assert group == "0", "any user of group 0 may write to its home"


def test_every_installation_keeps_to_the_lock():
    commands = TEXT.replace("\\\n", " ")
    installs = re.findall(r"pip install (.*)", commands)
    assert installs
    for arguments in installs:
        assert "--constraint" in arguments or "--no-deps" in arguments, arguments


@pytest.mark.parametrize("word", ["PASSWORD", "TOKEN", "SECRET_ACCESS_KEY", "PIP_CERT=", "PIP_INDEX_URL"])
def test_no_secret_and_nothing_of_the_builders_machine_stays_in_it(word):
    assert word not in "\n".join(line for line in LINES if not line.startswith("ARG"))


def test_code_is_copied_after_all_dependencies_and_only_code():
    before_code = TEXT[: TEXT.index("COPY trainer_image")]
    assert before_code.count("--requirement /opt/locked/requirements.txt") == 1
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line for line in ignored if line.startswith("!")} == {
        "!pyproject.toml",
        "!constraints.txt",
        "!README.md",
        "!LICENSE",
        "!trainer_image",
        "!components",
        "!pipelines",
    }


def test_the_cpu_variant_takes_torch_and_torchvision_from_one_index():
    (expression,) = re.findall(r"sed -E '([^']+)' constraints.txt", TEXT)
    pattern, replacement = expression.split("/")[1:3]
    lock = (ROOT / "constraints.txt").read_text().splitlines()
    changed = [re.sub(pattern, replacement, line) for line in lock]
    local = {line for line in changed if "+cpu" in line}
    assert {line.split("==")[0] for line in local} == {"torch", "torchvision"}
    assert all(re.fullmatch(r"\w+==[\d.]+\+cpu", line) for line in local)
