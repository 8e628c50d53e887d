"""Where ``init`` writes: what it never replaces, what it proposes, and that six files come as one."""

import os
from pathlib import Path

import pytest
import small_sets
from click.testing import CliRunner

from kubepresso.cli import main
from kubepresso.config import MODULES
from kubepresso.errors import UserError
from kubepresso.scaffold import init_project, placing


def command(*arguments):
    done = CliRunner().invoke(main, ["init", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


SIX = {f"{module}.yaml" for module in MODULES}


@pytest.mark.parametrize("options", [(), ("--force",)], ids=["plain", "force"])
def test_the_data_sets_own_data_yaml_is_never_replaced(options):
    root = small_sets.yolo(Path("pantry"))
    before = (root / "data.yaml").read_bytes()
    done = command("pantry", "--output", "pantry", *options)
    assert done.exit_code == 1
    assert "data.yaml is there and no module of kubepresso" in done.stderr
    assert "--output pantry-config" in done.stderr
    assert "--force" not in done.stderr
    assert (root / "data.yaml").read_bytes() == before


def test_a_module_is_replaced_by_force_even_if_it_was_cut(tmp_path):
    small_sets.csv_table(tmp_path / "data" / "pantry")
    assert command("data/pantry").exit_code == 0
    assert files("pantry").keys() == SIX
    good = files("pantry")
    Path("pantry/data.yaml").write_bytes(good["data.yaml"][:200] + b"\n\t: {")
    assert "with --force" in command("data/pantry").stderr
    assert command("data/pantry", "--force").exit_code == 0
    assert files("pantry") == good


def test_without_output_a_folder_of_the_name_is_made_beside_the_data():
    small_sets.csv_table(Path("pantry"))
    done = command("pantry")
    assert "kubepresso prepare pantry-config" in done.stdout
    assert files("pantry-config").keys() == SIX
    assert command("pantry", "--name", "other").exit_code == 0
    assert files("other").keys() == SIX


def test_in_the_data_set_itself_a_place_outside_of_it_is_asked_for(monkeypatch):
    root = small_sets.class_folders(Path("pantry"))
    monkeypatch.chdir(root)
    done = command(".")
    assert done.exit_code == 1
    assert "this folder is part of the data set" in done.stderr
    proposed = done.stderr.split("--output ")[-1].strip()
    assert proposed == "../pantry-config"
    assert command(".", "--output", proposed).exit_code == 0


@pytest.mark.parametrize("place", ["taken", "taken/below", "/proc/nowhere", "/dev/null/x", "x" * 300])
def test_places_that_cannot_be_written_end_plainly(place):
    small_sets.csv_table(Path("pantry"))
    Path("taken").write_text("mine")
    done = command("pantry", "--output", place)
    assert done.exit_code == 1
    assert "--output" in done.stderr
    assert Path("taken").read_text() == "mine"


@pytest.mark.parametrize("name", ["a/b", "", " a", "x" * 201])
def test_a_name_that_nothing_can_have_is_told_at_once(name):
    done = command("nowhere", "--name", name)
    assert done.exit_code == 1
    assert "--name: must be up to 200 letters, digits, `_` and, not at its ends, spaces" in done.stderr
    assert repr(name) in done.stderr


class _Interrupted(BaseException):
    pass


@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("at", range(1, 6))
def test_an_interruption_leaves_all_files_of_before(monkeypatch, there, at):
    small_sets.csv_table(Path("pantry"))
    Path("config").mkdir()
    Path("config/notes").write_text("mine")
    if there:
        init_project("pantry", Path("config"))
    before = files("config")
    replace, done = os.replace, []

    def interrupted(source, target):
        if Path(source).parent.name == "new":
            done.append(target)
            if len(done) == at:
                raise _Interrupted
        replace(source, target)

    monkeypatch.setattr(placing.os, "replace", interrupted)
    with pytest.raises(_Interrupted):
        init_project("pantry", Path("config"), name="other", force=True)
    assert files("config") == before


def test_a_folder_that_was_not_there_is_not_there_after_a_failure(monkeypatch):
    small_sets.csv_table(Path("pantry"))

    def fail(*_):
        raise UserError("no")

    monkeypatch.setattr("kubepresso.scaffold.project.load_config", fail)
    with pytest.raises(UserError):
        init_project("pantry", Path("config"))
    assert not Path("config").exists()
    assert [path.name for path in Path().iterdir()] == ["pantry"]
