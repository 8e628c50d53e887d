"""Patterns, numbers, keys and files that would break what reads them: each has a line that says so."""

import os
import warnings

import pytest

from kubepresso.config import ConfigError, load_config

IMAGE = "data.path.pattern.image"
DEEP = ".".join("a" * 1000)
POD = "environment.distributed"
LARGE = "9" * 200
HEX = "0x" + "f" * 5000
#: What is set, and the line that it must give.
REFUSED = {
    "repetition without end": (f"{IMAGE}='a{{9999999999}}'", f"{IMAGE}: not a regular expression"),
    "nested pattern": (f"{IMAGE}='{'(' * 5000}{')' * 5000}'", f"{IMAGE}: not a regular expression"),
    "pattern that is none": (f"{IMAGE}='(?P<a'", f"{IMAGE}: not a regular expression"),
    "deep key": (f"{DEEP}=1", "deeper than 64 levels"),
    "index of many digits": (f"augmentation.train.{'9' * 5000}=1", "is no index of this list"),
    "epochs": (f"training.epochs={LARGE}", "training.epochs: must be at most 1000000000, found 999"),
    "batch": (f"environment.batch_size={LARGE}", "environment.batch_size: must be at most 1000000000"),
    "more digits": (f"training.epochs={'9' * 400}", "'999"),
    "hexadecimal": (f"training.epochs={HEX}", "'0xfff"),
    "hexadecimal rate": (f"training.optimizer.lr={HEX}", "'0xfff"),
    "ignored index": (f"model.losses.0.ignore_index={LARGE}", "ignore_index: must be at most 1000000000"),
    "devices": (f"environment.gpus='{'9' * 5000}'", "environment.gpus: must be numbers with commas"),
    "other digits": (
        "environment.gpus='\N{FULLWIDTH DIGIT ONE}'",
        "environment.gpus: must be numbers with commas",
    ),
    "time": (f"{POD}.timeout='{'9' * 5000}h'", f"{POD}.timeout: must be a length of time"),
    "line after a time": (f'{POD}.timeout="12h\\n"', f"{POD}.timeout: must be a length of time"),
    "memory": (f"{POD}.memory='{'9' * 5000}Gi'", f"{POD}.memory: must be an amount of memory"),
    "line after a name": (f'{POD}.namespace="a\\n"', f"{POD}.namespace: must be a name"),
    "name": (f"data.id_mapping=[{HEX}]", "'0xfff"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_line(complete_file, name):
    override, reason = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        load_config(complete_file, [override])
    assert any(reason in line for line in caught.value.problems), caught.value.problems


def test_a_pattern_that_may_change_its_meaning_is_read_in_silence(complete_file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_config(complete_file, [f"{IMAGE}='[[a-z]+'"])


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "data.yaml")
    with pytest.raises(ConfigError, match=r"data\.yaml: is a pipe or device, expected a file"):
        load_config(str(tmp_path / "data.yaml"))


def test_a_device_is_no_file_and_is_not_read(tmp_path):
    (tmp_path / "all.yaml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match=r"all\.yaml: is a pipe or device, expected a file"):
        load_config(str(tmp_path / "all.yaml"))
