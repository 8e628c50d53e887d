"""Mistakes of whoever edits six files for the first time: each has its line and says what to do."""

import os
import time

import pytest

from kubepresso.config import ConfigError, load_config

TRAINING = "training:\n  epochs: 3\n  optimizer:\n    name: sgd\n    lr: 0.1\n"
#: Of each: the text of training.yaml and all that is told, without the name of the file.
WRONG = {
    "deeper than the line above": (
        TRAINING.replace("    lr", "      lr"),
        "5:9: indented deeper than the line above, which has its value already; begin both in the "
        "same column",
    ),
    "between two indentations": (
        TRAINING.replace("    lr", "   lr"),
        "5:4: indented by 3 spaces, unlike the lines above it; keys that belong together begin in the same "
        "column",
    ),
    "tab": (TRAINING.replace("    lr", "\tlr"), "5:1: a tab; indent with spaces"),
    "tabs alone": ("training:\n\tepochs: 3\n", "2:1: a tab; indent with spaces"),
    "no colon": (
        f"{TRAINING}    momentum 0.9\n    nesterov: true\n",
        "6:5: a key without its colon; write key: value, with a space after the colon",
    ),
    "no space after the colon": (
        TRAINING.replace("epochs: 3", "epochs:3"),
        "2:3: a key without its colon; write key: value, with a space after the colon",
    ),
    "no space after a dash": (
        "training:\n  optimizer:\n    overwrite:\n    -name: a\n      lr: 0.1\n",
        "4:5: a dash without its space; write - and a space before each item",
    ),
    "two colons": (
        TRAINING.replace("name: sgd", "name: sgd: x"),
        "4:14: a second colon in one line; put text that holds a colon in quotes",
    ),
    "open quote": (
        TRAINING.replace("name: sgd", "name: 'sgd"),
        "4:11: the quote that opens here is not closed",
    ),
    "open bracket": (
        TRAINING.replace("lr: 0.1", "lr: [0.1") + "    momentum: 0.9\n",
        "5:9: the [ that opens here is not closed, or a comma is missing in it",
    ),
    "open brace": (
        TRAINING.replace("epochs: 3", "ema: {name: exp_decay"),
        "2:8: the { that opens here is not closed, or a comma is missing in it",
    ),
    "text after a quoted value": (
        TRAINING.replace("name: sgd", "name: 'sgd' x"),
        "4:17: the value before this has ended; put the whole value in quotes, or close a quote above where "
        "it ends",
    ),
    "dash behind a key": (
        TRAINING.replace("epochs: 3", "epochs: - 3"),
        "2:11: a list begins in the line below its key; put this dash there",
    ),
    "star": (
        TRAINING.replace("name: sgd", "name: *.png"),
        "4:11: text that begins with * or & must stand in quotes",
    ),
    "percent": (TRAINING.replace("0.1", "%5"), "5:9: text that begins with % must stand in quotes"),
    "no anchor": (
        TRAINING.replace("0.1", "*rate"),
        "5:9: *rate refers to nothing: there is no &rate above it in this file",
    ),
    "anchor twice": (
        TRAINING.replace("3", "&n 3").replace("0.1", "&n 0.1"),
        "5:9: &n is given twice, first in line 2; give one another name",
    ),
    "backslash": (
        TRAINING.replace("sgd", '"C:\\sgd"'),
        "4:14: a backslash in double quotes means something else; use single quotes",
    ),
    "second document": (
        f"---\n{TRAINING}---\n",
        "7:1: --- begins a second document, and a file holds one; remove this line",
    ),
    "merge conflict": (
        TRAINING.replace("    lr", "<<<<<<< HEAD\n    lr").replace(
            "0.1", "0.1\n=======\n    lr: 1\n>>>>>>> b"
        ),
        "5:1: a mark of a merge conflict; keep one side, remove the marks",
    ),
    "merge of a value": (
        TRAINING.replace("3", "&n 3").replace("    lr: 0.1", "    <<: *n"),
        "5:5: training.optimizer.<<: only a mapping can be merged; give an anchor that stands "
        "before keys, as "
        "in params: &name",
    ),
    "not in UTF-8": (
        TRAINING.encode().replace(b"sgd", b"caf\xe9"),
        "4:14: not UTF-8 text; save it as UTF-8",
    ),
    "UTF-16 without its mark": (
        TRAINING.encode("utf-16-le"),
        "1:1: not UTF-8 text: it has bytes that are zero; save it as UTF-8",
    ),
    "no-break spaces": (
        TRAINING.replace("    lr", "\xa0\xa0\xa0\xa0lr"),
        "5:1: an invisible character, U+00A0 (NO-BREAK SPACE); delete it",
    ),
    "zero width": (
        TRAINING.replace("lr", "l\u200br"),
        "5:6: training.optimizer: an invisible character, U+200B (ZERO WIDTH SPACE); delete it",
    ),
    "no-break space in a value": (
        TRAINING.replace("0.1", "0.1\xa0"),
        '5:9: training.optimizer.lr: must be a number, found "0.1\\u00a0"; write 0.1',
    ),
    "line separator in a comment": (
        TRAINING.replace("epochs: 3", "epochs: 0 # few\u2028 epochs").replace("0.1", "-1"),
        "2:11: training.epochs: must be at least 1, found 0",
        "2:18: an invisible character, U+2028 (LINE SEPARATOR); delete it",
        "5:9: training.optimizer.lr: must be at least 0, found -1",
    ),
    "quotes": (
        TRAINING.replace("3", "'3'").replace("0.1", '"1e-3"') + "    nesterov: 'yes'\n",
        '2:11: training.epochs: must be an integer, found "3"; remove the quotes',
        '5:9: training.optimizer.lr: must be a number, found "1e-3"; remove the quotes',
        '6:15: training.optimizer.nesterov: must be true or false, found "yes"; remove the quotes',
    ),
    "numbers of another spelling": (
        TRAINING.replace("3", "3,").replace("0.1", "0,1") + "    momentum: \N{MINUS SIGN}0.9\n",
        '2:11: training.epochs: must be an integer, found "3,"; write 3',
        '5:9: training.optimizer.lr: must be a number, found "0,1"; write 0.1',
        '6:15: training.optimizer.momentum: must be a number, found "\N{MINUS SIGN}0.9"; write -0.9',
    ),
    "None": (
        TRAINING.replace("epochs: 3", "ema: None"),
        '2:8: training.ema: must be a mapping, found "None"; write null',
    ),
    "no name": (
        TRAINING.replace("    name: sgd\n", "") + "    momentum: 0.9\n",
        "5:5: training.optimizer.momentum: unknown key; allowed: name, lr, weight_decay, no_bias_decay, "
        "no_norm_weight_decay, overwrite, betas",
    ),
    "a list where a mapping is due": (
        "training:\n  epochs: 3\n  optimizer:\n  - name: sgd\n    lr: 0.1\n",
        '4:3: training.optimizer: must be a mapping, found [{"name": "sgd", "lr": 0.1}]; remove the '
        "dash before "
        "its first key",
    ),
    "nothing below the module": (
        "training:\nepochs: 3\n",
        "1:10: training: must be a mapping, found null; indent its keys below it",
        "2:1: epochs: is a key of training; indent it below the line `training:`",
    ),
    "keys of another module": (
        f"batch_size: 3\nmodel: {{}}\n{TRAINING}  seed: 1\n",
        "1:1: batch_size: is a key of environment; indent it below the line `environment:` of "
        "environment.yaml",
        "2:1: model: belongs in model.yaml; this file holds training",
        "8:3: training.seed: unknown key; allowed: epochs, mixed_precision, precision, ema, "
        "max_norm, optimizer, "
        "scheduler, retraining, checkpoints, deterministic; it is a key of environment",
    ),
    "empty": ("", "1:1: training: is empty; write the line `training:` and, indented below it, its keys"),
    "comments alone": (
        "# training:\n",
        "1:1: training: is empty; write the line `training:` and, indented below it, its keys",
    ),
    "a list": (
        "- training\n",
        "1:1: training: not in the form of a module; write the line `training:` and, indented below "
        "it, its keys",
    ),
}


def problems(uri, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load_config(str(uri), overrides)
    return caught.value.problems


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("form", ["lf", "crlf", "bom"])
def test_the_line_and_what_to_do(six_files, name, form):
    content, *expected = WRONG[name]
    content = content if isinstance(content, bytes) else content.encode()
    if form == "crlf" and b"\0" not in content:
        content = content.replace(b"\n", b"\r\n")
    if form == "bom" and b"\0" not in content:
        content = b"\xef\xbb\xbf" + content
    (six_files / "training.yaml").write_bytes(content)
    (six_files / "environment.yaml").write_text("environment:\n  seed: -1\n")
    first, *found = problems(six_files)
    assert first == f"{six_files}/environment.yaml:2:9: environment.seed: must be at least 0, found -1"
    assert found == [f"{six_files}/training.yaml:{line}" for line in expected]


def test_text_that_yaml_reads_as_something_else_wants_quotes(six_files):
    (six_files / "data.yaml").write_text(
        "data:\n  name: on\n  task: classification\n  path: {root: d}\n  id_mapping: [no, 'yes', cat, 1.5]\n"
    )
    assert [line.rpartition("data.yaml:")[2] for line in problems(six_files)] == [
        "2:9: data.name: must be text, found true; put it in quotes",
        "5:16: data.id_mapping.0: must be text, found false; put it in quotes",
        "5:32: data.id_mapping.3: must be text, found 1.5; put it in quotes",
    ]


@pytest.mark.parametrize(
    "line", ["  key{}: 1\n", "  epochs: {}\n"], ids=["unknown keys", "one key again and again"]
)
def test_a_file_of_50000_mistakes_is_told_soon_and_in_part(six_files, line):
    (six_files / "training.yaml").write_text(TRAINING + "".join(line.format(i) for i in range(50_000)))
    began = time.monotonic()
    found = problems(six_files)
    assert time.monotonic() - began < 15
    assert len(found) == 100
    assert found[-1].splitlines()[1] == "there is more; mend these 100 first"


def test_a_mistake_behind_50000_lines_has_its_line(six_files):
    (six_files / "training.yaml").write_text("# x\n" * 50_000 + TRAINING.replace("3", "0"))
    (found,) = problems(six_files)
    assert found.startswith(f"{six_files}/training.yaml:50002:11: training.epochs: must be at least 1")


def test_a_file_that_cannot_be_read_hides_no_other(six_files):
    (six_files / "training.yaml").write_text(TRAINING.replace("3", "0"))
    (six_files / "data.yaml").unlink()
    os.mkfifo(six_files / "data.yaml")
    assert problems(six_files) == [
        f"{six_files}/data.yaml: is a pipe or device, expected a file",
        f"{six_files}/training.yaml:2:11: training.epochs: must be at least 1, found 0",
    ]


def test_a_lock_of_an_editor_is_no_file(six_files):
    (six_files / ".#data.yaml").symlink_to("me@host.1:2")
    load_config(str(six_files))


@pytest.mark.parametrize("name", ["data.YAML", "data.yaml.txt"])
def test_another_ending_is_named(six_files, name):
    (six_files / "data.yaml").rename(six_files / name)
    (found,) = problems(six_files)
    assert f"add data.yaml with the key data; other files there: {name}" in found


def test_one_file_of_six_asks_for_the_folder(six_files):
    found = problems(six_files / "data.yaml")
    assert len(found) == 3
    assert all(line.endswith("; or give the folder, where each module has a file") for line in found)


def test_a_size_of_a_pose_is_told_where_it_is_wrong_and_nowhere_else(network_files):
    overrides = ["augmentation.train.1.size=[128, 128]", "augmentation.inference.0.size=[64, 64]"]
    told = problems(network_files["rtmpose"], overrides)
    assert any("target_size: 256x256, but augmentation.inference gives 64x64" in line for line in told)
    (wrong,) = (line for line in told if "is not the head's target_size" in line)
    assert "augmentation.train.1.size: [128, 128]" in wrong
