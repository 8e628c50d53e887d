"""What a run means: every error at once, digests of content, views that change only when they must."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from digit_models import digit_pngs

from kubepresso.config import DataConfig, digest, parse_view
from kubepresso.errors import UserError
from kubepresso.steps import resolve
from kubepresso.steps.champion import Token
from kubepresso.steps.views import VIEWS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
EVERY = set(VIEWS)


@pytest.fixture
def project(tmp_path, store, monkeypatch):
    """The digits example with a few images of its own, in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLE, tmp_path / "config")
    data = tmp_path / "outputs" / "demo" / "digits"
    images = digit_pngs()[:8]
    for index, image in enumerate(images):
        folder = data / ("train" if index < 6 else "valid") / f"{index % 2}_class"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.png").write_bytes(image)
    return tmp_path


def run(*overrides):
    return resolve.run(config_uri="config", overrides=overrides)


def changed(before, after):
    return {step for step in EVERY if before.views[step] != after.views[step]}


@pytest.mark.parametrize(
    ("override", "steps"),
    [
        ("training.optimizer.lr=0.123", {"train", "retrain"}),
        ("training.retraining.epochs=9", {"retrain"}),
        ("training.epochs=3", {"validate_augmentation", "train", "retrain"}),
        ("logging.promotion.max_drop=0.1", {"promote"}),
        ("logging.promotion.minimum=0.1", {"promote"}),
        ("logging.output_dir=elsewhere", set()),
        ("logging.tensorboard=false", set()),
        ("logging.project_id=other", {"promote"}),
        ("model.compression.ratio=0.25", {"compress", "promote"}),
        ("augmentation.checks.samples=3", {"validate_augmentation"}),
        ("environment.num_workers=3", {"validate_augmentation", "train", "retrain"}),
        ("environment.distributed.timeout_seconds=99", {"train", "retrain"}),
        ("data.checks.empty_classes=warn", {"prepare_dataset"}),
        ("logging.metrics.metric_names=[top5_accuracy]", {"train", "retrain", "evaluate", "promote"}),
    ],
)
def test_a_change_reaches_the_steps_that_read_it_and_no_other(whole, override, steps):
    text, cut = whole
    content = yaml.safe_load(text)
    name, _, value = override.partition("=")
    *above, last = name.split(".")
    holder = content
    for key in above:
        holder = holder[key]
    assert last in holder
    holder[last] = yaml.safe_load(value)
    before, after = cut(text), cut(yaml.safe_dump(content))
    assert {step for step in EVERY if before[step] != after[step]} == steps


@pytest.fixture(scope="module")
def whole():
    """The example's configuration in full, and the function that cuts it."""
    from kubepresso.config import load_config
    from kubepresso.steps.views import cut_views

    return load_config(str(EXAMPLE)).to_yaml(), cut_views


def test_every_key_but_where_to_write_belongs_to_some_view(whole):
    text, cut = whole
    seen = set()
    for view in cut(text).values():
        seen |= set(leaves(yaml.safe_load(view)))
    unread = set(leaves(yaml.safe_load(text))) - seen
    assert unread == {"logging.output_dir", "logging.mlflow", "logging.tensorboard"}


def leaves(content, prefix=""):
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_view_reads_back_to_the_values_of_the_whole(whole):
    text, cut = whole
    full = parse_view(text)
    for step, view in cut(text).items():
        parsed = parse_view(view)
        assert parsed.present(), step
    assert parse_view(cut(text)["train"]).training.optimizer == full.training.optimizer
    assert parse_view(cut(text)["promote"]).logging.promotion == full.logging.promotion
    assert parse_view(cut(text)["prepare_dataset"]).data == full.data


def test_nothing_changed_gives_the_same_resolution(project):
    assert run() == run()


def test_one_pixel_changes_the_data_digest_alone(project):
    before = run()
    image = project / "outputs/demo/digits/train/0_class/0.png"
    image.write_bytes(digit_pngs()[100])
    after = run()
    assert after.data_digest != before.data_digest
    assert after.config_digest == before.config_digest
    assert changed(before, after) == set()


def test_a_file_beside_the_splits_changes_nothing(project):
    before = run()
    (project / "outputs/demo/digits/notes.txt").write_text("seen")
    assert run() == before


@pytest.mark.parametrize("valid", ["{image: valid}", "{}"])
def test_images_beside_a_label_file_that_stands_alone_are_digested(tmp_path, valid):
    (tmp_path / "train.csv").write_text("image_id,class\na.png,0\n")
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid" / "b.png").write_bytes(b"three")
    (tmp_path / "a.png").write_bytes(b"one")
    text = (
        f"{{task: classification, path: {{root: {tmp_path}, train: {{label: train.csv}}, valid: {valid}}}}}"
    )
    data = DataConfig.model_validate(yaml.safe_load(text))
    before = resolve.digest_data(data)
    (tmp_path / "a.png").write_bytes(b"two")
    assert resolve.digest_data(data) != before


@pytest.fixture
def boxes(tmp_path):
    """A data set of one image with a box, its class names in a file of their own."""
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.png").write_bytes(b"one")
    (tmp_path / "labels" / "train" / "a.txt").write_text("0 0.5 0.5 0.2 0.2")
    (tmp_path / "data.yaml").write_text("names: [cell]")
    (tmp_path / "classes.json").write_text('["cell"]')
    return tmp_path


@pytest.mark.parametrize(
    ("train", "mapping", "file"),
    [
        ("{image: images/train}", "[cell]", "labels/train/a.txt"),
        ("{image: images/train, label: labels/train}", "[cell]", "labels/train/a.txt"),
        ("{image: images/train, label: labels/train}", "null", "data.yaml"),
        ("{image: images/train, label: labels/train}", "classes.json", "classes.json"),
        ("{}", "classes.json", "classes.json"),
    ],
)
def test_labels_and_names_that_are_read_are_digested_wherever_they_lie(boxes, train, mapping, file):
    text = f"{{task: detection, path: {{root: {boxes}, train: {train}}}, id_mapping: {mapping}}}"
    data = DataConfig.model_validate(yaml.safe_load(text))
    before = resolve.digest_data(data)
    (boxes / file).write_text("other")
    assert resolve.digest_data(data) != before


def test_an_archive_is_digested_as_it_is(tmp_path):
    text = (
        f"{{task: detection, path: {{root: {tmp_path}/a.zip, train: {{image: images}}}}, id_mapping: c.json}}"
    )
    data = DataConfig.model_validate(yaml.safe_load(text))
    digests = set()
    for content in (b"one", b"two"):
        (tmp_path / "a.zip").write_bytes(content)
        digests.add(resolve.digest_data(data))
    assert len(digests) == 2


def test_what_cannot_be_trained_yet_is_refused_with_the_way_to_prepare_it(project):
    with pytest.raises(UserError) as caught:
        run("model.architecture.backbone={name: cspdarknet, params: {dep_mul: 0.33, wid_mul: 0.5}}")
    told = str(caught.value)
    assert "the backbone cspdarknet has no implementation yet" in told
    assert all("no implementation yet" in problem for problem in caught.value.problems)
    assert "kubepresso prepare config" in told


def test_the_same_configuration_in_another_folder_has_the_same_digests(project, monkeypatch):
    before = run()
    other = project / "other"
    shutil.copytree(project / "config", other / "config")
    shutil.copytree(project / "outputs/demo/digits", other / "outputs/demo/digits")
    monkeypatch.chdir(other)
    after = run()
    assert (after.config_digest, after.data_digest) == (before.config_digest, before.data_digest)
    assert yaml.safe_load(after.config)["data"]["path"]["root"] == str(other / "outputs/demo/digits")


def test_other_start_weights_change_the_key_of_train(project):
    weights = project / "start.safetensors"
    weights.write_bytes(b"one")
    overrides = ("model.checkpoint.use_pretrained=true", "model.checkpoint.path=start.safetensors")
    before = run(*overrides)
    assert parse_view(before.views["train"]).model.checkpoint.path == str(weights)
    weights.write_bytes(b"two")
    assert changed(before, run(*overrides)) == {"train"}


def test_the_run_and_its_parent_hold_the_configuration_and_the_digests(
    project, client, store, monkeypatch, tmp_path
):
    monkeypatch.setenv("KFP_RUN_ID", "run-7")
    resolution = run()
    experiment = client.get_experiment_by_name("digits")
    found = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    for name in ("resolve", "pipeline run-7"):
        assert found[name].data.tags["kubepresso.config_digest"] == resolution.config_digest
        assert found[name].data.tags["kubepresso.data_digest"] == resolution.data_digest
        path = client.download_artifacts(found[name].info.run_id, "config.yaml", str(tmp_path))
        assert digest(Path(path).read_text()) == digest(resolution.config)
    assert found["pipeline run-7"].data.params["training.optimizer.lr"] == "0.001"


def test_every_error_is_told_at_once(project):
    with pytest.raises(UserError) as caught:
        run("training.epochs=0", "training.optimiser.lr=1", "environment.batch_size=none")
    told = str(caught.value)
    assert "training.epochs" in told
    assert "optimiser" in told
    assert "environment.batch_size" in told


def test_data_that_is_not_there_is_named(project):
    shutil.rmtree(project / "outputs/demo/digits/valid")
    with pytest.raises(UserError, match=r"data\.path\.valid\.image: .valid. is not in .*digits"):
        run()


def test_a_registry_that_does_not_answer_is_a_warning(project, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:s3cret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    resolution = run()
    assert Token.parse(resolution.champion).champion == "unreachable"
    told = capsys.readouterr().err
    assert "cannot open the registered model 'digits'" in told
    assert "s3cret" not in told


def test_an_unreachable_registry_is_never_the_one_of_before(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert run().champion != run().champion


@pytest.mark.parametrize("name", ["a'b", "a/b", 'a"b', "a:b", "..", "a "])
def test_a_name_that_no_registry_takes_is_told_before_any_work(project, name):
    with pytest.raises(UserError, match=r"logging\.project_id"):
        run(f"logging.project_id={json.dumps(name)}")
    with pytest.raises(UserError, match=r"registered_model"):
        run(f"logging.promotion.registered_model={json.dumps(name)}")
    with pytest.raises(UserError, match=r"logging\.project_id"):
        run(f"model.name={json.dumps(name + '/')}", "logging.project_id=null")


def test_a_hub_that_does_not_answer_is_a_warning(project, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    script = (
        "from kubepresso.steps import resolve\n"
        "r = resolve.run(config_uri='config', overrides=['data.format=huggingface', 'data.path=null', "
        "'data.metadata={repo: someone/somewhat}'])\n"
        "print(r.data_digest)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "hub:someone/somewhat/@unknown\n", done.stderr
    assert "the revision of someone/somewhat is not known" in done.stderr


def test_resolving_needs_no_torch(project):
    script = (
        "import sys\nfrom kubepresso.steps import resolve\nresolve.run(config_uri='config')\n"
        "print([name for name in ('torch', 'torchvision', 'kfp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
