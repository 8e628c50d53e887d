import pytest

from kubepresso.config import ConfigError, digest, load_config, parse_view, with_absolute_places


def problems(uri, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load_config(str(uri), overrides)
    return caught.value.problems


def test_a_complete_file_of_netspresso_trainer_loads_unchanged(complete_file):
    config = load_config(complete_file)
    assert config.training.optimizer.lr == 0.1
    assert config.model.architecture.backbone.stage_params[3].channels == 512
    assert config.augmentation.train[0].ratio == (0.75, 1.33)
    assert config.logging.model_save_options.sample_input_size == (224, 224)
    assert config.environment.gpu_ids == (0,)
    assert config.model.losses[0].weight == 1.0  # null in the file
    assert config.warnings == ()


def test_six_files_mean_the_same_as_one(six_files, complete_file):
    assert load_config(str(six_files)).present() == load_config(complete_file).present()
    assert load_config(f"file://{six_files}").present() == load_config(complete_file).present()
    assert load_config(f"{six_files}/").present() == load_config(complete_file).present()


def test_files_may_end_in_yml(six_files):
    (six_files / "data.yaml").rename(six_files / "data.yml")
    assert load_config(str(six_files)).data.name == "mine"
    (six_files / "data.yaml").write_text("data: {}")
    assert "two files, data.yaml and data.yml; remove one" in problems(six_files)[0]


@pytest.mark.parametrize("module", ["logging", "environment"])
def test_modules_with_defaults_only_may_be_absent(six_files, module):
    (six_files / f"{module}.yaml").unlink()
    config = load_config(str(six_files))
    assert getattr(config, module) is not None


@pytest.mark.parametrize("module", ["data", "augmentation", "model", "training"])
def test_a_missing_module_file_is_named(six_files, module):
    (six_files / f"{module}.yaml").unlink()
    (found,) = problems(six_files)
    assert found == f"{six_files}: {module}: module missing; add {module}.yaml with the key {module}"


def test_a_misspelt_file_name_is_suggested(six_files):
    (six_files / "training.yaml").rename(six_files / "trainig.yaml")
    (found,) = problems(six_files)
    assert found.endswith("did you mean 'trainig.yaml'?")


def test_a_module_missing_in_a_single_file(tmp_path, complete_text):
    path = tmp_path / "all.yaml"
    path.write_text(
        "".join(line for line in complete_text.splitlines(True) if not line.startswith("training"))
    )
    assert problems(path) == [f"{path}:1:1: training: module missing; add the key training to this file"]


def test_a_module_in_the_file_of_another(six_files):
    (six_files / "training.yaml").write_text("traning: {epochs: 3}\n")
    assert problems(six_files) == [
        f"{six_files}/training.yaml:1:1: training: module missing; add the key training to this file",
        f"{six_files}/training.yaml:1:1: traning: unknown module; this file holds training; "
        "did you mean 'training'?",
    ]


def test_problems_of_all_files_come_at_once_in_order(six_files):
    (six_files / "training.yaml").write_text("training:\n  epochs: 0\n  max_norm: -1\n")
    (six_files / "environment.yaml").write_text(
        "environment:\n  batch_size: 8\n  sed: 1\n  num_workers: -1\n"
    )
    places = [line.split(": ")[0].rpartition("/")[2] for line in problems(six_files, ["data.nam=x"])]
    assert places == [
        "environment.yaml:3:3",
        "environment.yaml:4:16",
        "training.yaml:2:11",
        "training.yaml:3:13",
        "override 'data.nam=x'",
    ]


def test_a_folder_that_is_not_there(tmp_path):
    (found,) = problems(tmp_path / "nowhere")
    assert "nowhere: no such file or folder" in found


def test_an_empty_folder_lacks_all_modules(tmp_path):
    (found,) = problems(tmp_path)
    assert "holds no file" in found


def test_to_yaml_and_back(complete_file):
    config = load_config(
        complete_file, ["training.ema={name: exp_decay}", "data.id_mapping=['on', '7', '1e5']"]
    )
    view = parse_view(config.to_yaml())
    assert view.present() == config.present()
    assert parse_view(view.to_yaml()).to_yaml() == config.to_yaml()


def test_views_hold_what_they_were_given(complete_file):
    view = parse_view(load_config(complete_file).to_yaml(["training", "environment"]))
    assert view.need("training").epochs == 90
    assert view.data is None
    with pytest.raises(ConfigError, match="has no module data; it has training, environment"):
        view.need("data")


def test_a_view_says_what_is_wrong_with_it():
    with pytest.raises(ConfigError, match=r"view:1:21: training\.epochs: must be at least 1, found 0"):
        parse_view("training: {epochs:  0}")
    with pytest.raises(ConfigError, match="must be a mapping"):
        parse_view("")


def test_digest_sees_values_not_form(complete_file):
    text = load_config(complete_file).to_yaml()
    assert digest("a: {b: 1, c: [x]}") == digest("# comment\na:\n  c:\n  - 'x'\n  b: 1\n")
    assert digest(text) == digest(load_config(complete_file).to_yaml())
    assert digest(text) != digest(load_config(complete_file, ["training.epochs=91"]).to_yaml())


def test_relative_places_are_found_here_first_then_beside_the_configuration(six_files, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    overrides = ["model.checkpoint.path=w.safetensors", "data.path.train={}", "data.path.valid={}"]
    config = load_config(str(six_files), overrides)
    assert config.data.path.root == "./d"
    with pytest.raises(ConfigError) as caught:
        with_absolute_places(config, str(six_files))
    assert [line.split(": ")[1] for line in caught.value.problems] == [
        "data.path.root",
        "model.checkpoint.path",
    ]
    (six_files / "d").mkdir()
    (six_files / "w.safetensors").touch()
    beside = with_absolute_places(config, str(six_files))
    assert beside.data.path.root == str(six_files / "d")
    assert beside.model.checkpoint.path == str(six_files / "w.safetensors")
    assert with_absolute_places(config, f"{six_files}/all.yaml").data.path.root == str(six_files / "d")
    (work / "d").mkdir()
    assert with_absolute_places(config, str(six_files)).data.path.root == str(work / "d")
    assert config.data.path.root == "./d"


def test_a_repository_on_the_hub_keeps_its_name_unless_a_folder_has_it(complete_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(
        complete_file, ["data.format=huggingface", "data.metadata.repo=beans", "data.path=null"]
    )
    assert with_absolute_places(config, complete_file).data.metadata.repo == "beans"
    (tmp_path / "beans").mkdir()
    assert with_absolute_places(config, complete_file).data.metadata.repo == str(tmp_path / "beans")
