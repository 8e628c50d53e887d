"""Whole trainings whose checkpoints go to object storage that fails, and go on from it on another machine."""

import json
import os
import random
import shutil
import threading
import time
from pathlib import Path

import pytest
import torch
from bucket_servers import make_bucket
from fault_proxy import Fault, FaultProxy, hasten
from stops import AfterLooks
from tiny_training import tiny_config
from whole_trainings import ALONE, EVERYTHING, assert_same_weights

from kubepresso.config import parse_view
from kubepresso.errors import UserError
from kubepresso.launch import fetching
from kubepresso.storage import get_folder, list_files, put_folder, s3
from kubepresso.training.checkpoints import files, kept
from kubepresso.training.checkpoints.kept import Kept
from kubepresso.training.job import Job
from kubepresso.training.run import train

SETTINGS = {**EVERYTHING, "training__epochs": 2, "training__checkpoints": {"every_steps": 2, "keep": 2}}
IDENTITY = "a" * 64
HICCUPS = [
    Fault(kind, times=None, share=0.05) for kind in ("reset", "lost", "cut", "truncate", "busy", "upload")
]


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A training that was never stopped and had no object storage."""
    output = tmp_path_factory.mktemp("whole") / "model"
    train(job(digits, output, None), ALONE)
    return output


@pytest.fixture(scope="module")
def proxied(moto):
    with pytest.MonkeyPatch.context() as patch, FaultProxy(moto) as proxy:
        hasten(patch)
        patch.setattr(kept, "PAUSES_SECONDS", (0.02, 0.02))
        patch.setattr(fetching.with_retries, "__defaults__", (0.02,))
        uri = make_bucket(patch, moto)
        patch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        yield uri, proxy


@pytest.fixture
def proxy(proxied):
    """In front of the bucket; it lets everything through until it is told otherwise."""
    return proxied[1].bring()


@pytest.fixture
def place(proxied, tmp_path):
    return f"{proxied[0]}/{tmp_path.name}"


def job(dataset, output, mirror, looks=10**9) -> Job:
    local = output.with_name(f"{output.name}.checkpoints")
    return Job(
        parse_view(tiny_config(**SETTINGS)),
        dataset,
        output,
        local,
        None,
        mirror=mirror,
        stop=AfterLooks(looks),
    )


def stopped(job):
    with pytest.raises(SystemExit):
        train(job, ALONE)


def mirrored(place) -> set[str]:
    """Names of what is in the bucket and whole."""
    return {entry.key.split("/")[-2] for entry in list_files(place) if entry.key.endswith("manifest.json")}


@pytest.mark.parametrize("seed", range(2))
def test_checkpoints_go_through_faults_and_come_back_on_another_machine(
    digits, whole, proxy, place, tmp_path, seed, capfd
):
    proxy.bring(*HICCUPS, seed=seed)
    stopped(job(digits, tmp_path / "one" / "model", place, looks=4))
    stopped(job(digits, tmp_path / "two" / "model", place, looks=5))
    train(job(digits, tmp_path / "three" / "model", place), ALONE)
    assert len(proxy.hits) > 5
    assert "going on in epoch" in capfd.readouterr().out
    assert_same_weights(whole, tmp_path / "three" / "model")


def test_a_storage_that_stays_away_from_the_middle_on_changes_no_bit(
    digits, whole, proxy, place, tmp_path, capfd
):
    proxy.bring(Fault("busy", skip=20, times=None))
    train(job(digits, tmp_path / "model", place), ALONE)
    assert f"checkpoints in object storage: {place}" in capfd.readouterr().err
    assert len(proxy.hits) > 3
    assert_same_weights(whole, tmp_path / "model")


@pytest.mark.parametrize("kind", ["upload", "busy", "deny"])
def test_a_checkpoint_whose_upload_broke_is_passed_over_for_the_older_one(
    digits, whole, proxy, place, tmp_path, capfd, kind
):
    proxy.bring(Fault(kind, "PUT", "state-00000-0000003/manifest", times=None))
    stopped(job(digits, tmp_path / "one" / "model", place, looks=2))
    train(job(digits, tmp_path / "two" / "model", place), ALONE)
    out, err = capfd.readouterr()
    assert "state-00000-0000003: not a whole checkpoint, not used: its upload or removal broke off" in err
    assert "state-00000-0000002: going on in epoch 1 at step 2" in out
    assert_same_weights(whole, tmp_path / "two" / "model")


def test_an_upload_that_hangs_does_not_keep_the_last_state_from_the_disk(digits, proxy, place, tmp_path):
    proxy.bring(Fault("delay", "PUT", "0000002/tensors", times=None, seconds=2.0))
    training = threading.Thread(
        target=lambda: stopped(job(digits, tmp_path / "model", place, looks=2)), daemon=True
    )
    training.start()
    while training.is_alive() and not list(tmp_path.glob("*/*/state-00000-0000003")):
        time.sleep(0.01)
    assert len(proxy.hits) < s3.ATTEMPTS, "the upload of the state before goes on"
    training.join(60)
    assert "state-00000-0000003" in mirrored(place)


def damage(place, name, change):
    """Change an object in the bucket."""
    import boto3

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    client = boto3.client("s3", region_name="us-east-1")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    (key,) = [key for key in keys if key.endswith(name)]
    content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    client.put_object(Bucket=bucket, Key=key, Body=change(content))


def flipped(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


@pytest.mark.parametrize("file", ["tensors.safetensors", "manifest.json"])
@pytest.mark.parametrize(
    "change", [flipped, lambda content: content[: len(content) // 2]], ids=["bit", "half"]
)
def test_a_damaged_object_is_found_and_the_older_checkpoint_used(
    digits, whole, proxy, place, tmp_path, capfd, file, change
):
    stopped(job(digits, tmp_path / "one" / "model", place, looks=2))
    damage(place, f"state-00000-0000003/{file}", change)
    train(job(digits, tmp_path / "two" / "model", place), ALONE)
    out, err = capfd.readouterr()
    assert f"state-00000-0000003: not a whole checkpoint, not used: its {file} is not" in err
    assert "state-00000-0000002: going on in epoch 1 at step 2" in out
    assert_same_weights(whole, tmp_path / "two" / "model")


def test_a_storage_that_does_not_say_what_it_has_is_no_reason_to_start_anew(digits, proxy, place, tmp_path):
    stopped(job(digits, tmp_path / "one" / "model", place, looks=2))
    for operation in ("LIST", "GET"):
        proxy.bring(Fault("busy", operation, times=None))
        began = time.monotonic()
        with pytest.raises(
            UserError, match=rf"{place}.* from may be there: start again when the storage answers"
        ):
            train(job(digits, tmp_path / "two" / "model", place), ALONE)
        assert time.monotonic() - began < 20
        assert not [thread for thread in threading.enumerate() if thread.name == "kubepresso-checkpoints"]
    shutil.copytree(tmp_path / "one", tmp_path / "three")
    proxy.bring(Fault("busy", times=None))
    train(job(digits, tmp_path / "three" / "model", place), ALONE)  # what is here will do


def test_a_storage_that_comes_back_while_a_checkpoint_is_looked_for_is_used(
    digits, proxy, place, tmp_path, capfd
):
    stopped(job(digits, tmp_path / "one" / "model", place, looks=2))
    capfd.readouterr()
    proxy.bring(Fault("busy", "LIST", times=4), Fault("busy", "GET", "tensors", times=4))
    train(job(digits, tmp_path / "two" / "model", place), ALONE)
    out, err = capfd.readouterr()
    assert "going on in epoch 1 at step 3" in out
    assert err.count("asked again in") == 2


def test_a_first_start_finds_an_empty_place_without_a_warning(digits, proxy, place, tmp_path, capfd):
    stopped(job(digits, tmp_path / "model", place, looks=0))
    assert "warning: checkpoints" not in capfd.readouterr().err


def tensors(value: float = 0.0) -> dict[str, torch.Tensor]:
    return {"model/weight": torch.full((1000,), value)}


def save(store: Kept, epoch: int, step: int, best: int | None = None) -> None:
    values = {"epoch": epoch, "step": step, "best_epoch": best}
    store.save(tensors(epoch + step / 100), values)


def on(folder: Path, place, keep=2, **options) -> Kept:
    return Kept(folder, place, IDENTITY, keep, **options)


def spot(found) -> tuple[int, int]:
    return found.values["epoch"], found.values["step"]


@pytest.mark.parametrize("keep", [1, 2])
def test_what_the_bucket_has_stays_until_it_has_something_newer(proxy, place, tmp_path, keep):
    """However many uploads fail in a row."""
    here = on(tmp_path / "here", place, keep)
    save(here, 0, 1)
    proxy.bring(Fault("busy", "PUT", times=None))
    for step in (2, 3, 4):
        save(here, 0, step)
    assert spot(on(tmp_path / "there", place).newest()) == (0, 1)
    proxy.bring()
    save(here, 0, 5)
    assert spot(on(tmp_path / "yonder", place).newest()) == (0, 5)
    assert len(mirrored(place)) == keep


def test_best_weights_that_did_not_arrive_are_sent_again_with_the_next_state(proxy, place, tmp_path):
    here = on(tmp_path / "here", place)
    here.save_best(1, tensors())
    proxy.bring(Fault("busy", "PUT", "best-00001", times=None))
    save(here, 1, 0, best=1)
    assert on(tmp_path / "there", place).newest() is None
    proxy.bring()
    save(here, 1, 2, best=1)
    found = on(tmp_path / "yonder", place)
    assert spot(found.newest()) == (1, 2)
    assert found.load_best(1)


@pytest.mark.parametrize("mirrored_too", [False, True])
def test_the_older_state_has_its_best_weights_still(proxy, place, tmp_path, mirrored_too):
    """A new best epoch does not take away what the state before it needs."""
    here = on(tmp_path / "here", place if mirrored_too else None)
    for epoch in (1, 2, 3):
        here.save_best(epoch, tensors())
        save(here, epoch, 0, best=epoch)
    names = {"state-00002-0000000", "state-00003-0000000", "best-00002", "best-00003"}
    assert {path.name for path in here.home.iterdir()} == names
    (here.home / "state-00003-0000000" / files.TENSORS_FILE).write_bytes(b"damaged")
    if mirrored_too:
        assert mirrored(place) == names
        assert spot(here.newest()) == (3, 0), "the bucket has it"
    else:
        assert spot(here.newest()) == (2, 0)


def test_a_damaged_state_ahead_does_not_take_the_place_of_those_that_are_saved(tmp_path):
    here = on(tmp_path, None, keep=1)
    save(here, 5, 0)
    (here.home / "state-00005-0000000" / files.TENSORS_FILE).write_bytes(b"damaged")
    again = on(tmp_path, None, keep=1)
    assert again.newest() is None
    save(again, 0, 1)
    assert spot(on(tmp_path, None, keep=1).newest()) == (0, 1)
    save(again, 5, 1)
    assert [path.name for path in again.home.iterdir()] == ["state-00005-0000001"]


def test_epochs_that_stay_for_good_stay_beside_the_newest(proxy, place, tmp_path):
    here = on(tmp_path, place, keep=1, keep_epochs=lambda epoch: epoch in (1, 3))
    for epoch in range(1, 6):
        save(here, epoch, 0)
        save(here, epoch, 7)
    names = {"state-00001-0000000", "state-00003-0000000", "state-00005-0000007"}
    assert {path.name for path in here.home.iterdir()} == mirrored(place) == names


def test_what_another_attempt_left_in_the_bucket_goes_too(proxy, place, tmp_path):
    first = on(tmp_path / "one", place)
    for step in (1, 2, 3):
        save(first, 0, step)
    proxy.bring(Fault("busy", "PUT", "0000004/manifest", times=None))
    save(first, 0, 4)
    proxy.bring()
    second = on(tmp_path / "two", place)
    assert spot(second.newest()) == (0, 3)
    save(second, 0, 5)
    assert {entry.key.split("/")[-2] for entry in list_files(place)} == {
        "state-00000-0000003",
        "state-00000-0000005",
    }


def test_a_checkpoint_that_goes_while_it_is_fetched_is_replaced_by_the_newer_one(proxy, place, tmp_path):
    here = on(tmp_path / "here", place, keep=1)
    save(here, 0, 1)
    proxy.bring(Fault("delay", "GET", "0000001/", skip=0), on_fault=lambda: save(here, 0, 2))
    assert spot(on(tmp_path / "there", place).newest()) == (0, 2)


def test_two_attempts_that_save_the_same_at_the_same_time_do_not_break_one_another(tmp_path):
    errors = []

    def work():
        try:
            store = on(tmp_path, None)
            for step in range(1, 40):
                save(store, 0, step // 4)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert spot(on(tmp_path, None).newest()) == (0, 9)
    assert not [path for path in (tmp_path / IDENTITY[:16]).iterdir() if path.name.startswith(".")]


def test_no_changed_byte_of_a_manifest_goes_unnoticed(tmp_path):
    values = {"epoch": 3, "step": 7, "best_epoch": None, "history": [{"loss": 0.1, "valid": float("nan")}]}
    on(tmp_path, None).save(tensors(), values)
    (manifest,) = tmp_path.rglob(files.MANIFEST_FILE)
    text = manifest.read_bytes()
    same = json.dumps(values)
    for place in range(len(text)):
        changed = (
            text[:place] + bytes([text[place] ^ (1 << random.Random(place).randrange(8))]) + text[place + 1 :]
        )
        manifest.write_bytes(changed)
        try:
            assert json.dumps(files.read_manifest(manifest.parent).values) == same, changed
        except files.DamagedError:
            continue
    for content in (b"", b"[]", b"null", b'{"manifest": {}}', b"[" * 100_000, b"\xff"):
        manifest.write_bytes(content)
        with pytest.raises(files.DamagedError, match=r"its manifest\.json"):
            files.read_manifest(manifest.parent)


def test_what_killed_processes_left_goes_after_an_hour(tmp_path):
    store = on(tmp_path, None)
    save(store, 0, 1)
    for name, age in ((".state-00000-0000001.x.partial", 7200), (".state-00000-0000002.y.partial", 60)):
        (store.home / name).mkdir()
        os.utime(store.home / name, (time.time() - age,) * 2)
    save(store, 0, 2)
    assert [path.name for path in store.home.glob(".*")] == [".state-00000-0000002.y.partial"]


def test_data_and_bundle_come_through_faults_and_are_what_was_put(digits, whole, proxy, place, tmp_path):
    proxy.bring(*HICCUPS, seed=3)
    fetching.with_retries(lambda: put_folder(digits, f"{place}/data") or digits)
    fetching.with_retries(lambda: put_folder(whole, f"{place}/model") or whole)
    folder = fetching.fetch_dataset(f"{place}/data", tmp_path / "data")
    assert not fetching.damaged_shards(folder)
    fetching.fetch_bundle(f"{place}/model", tmp_path / "model")
    for one, other in ((digits, tmp_path / "data"), (whole, tmp_path / "model")):
        files_of = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
        assert files_of == {path.relative_to(other) for path in other.rglob("*") if path.is_file()}
        assert all((one / path).read_bytes() == (other / path).read_bytes() for path in files_of)
    assert len(proxy.hits) > 5


def test_half_a_bundle_is_not_fetched(whole, proxy, place, tmp_path):
    proxy.bring(Fault("upload", "PUT", "weights", times=None))
    with pytest.raises(UserError, match=f"{place}/model/weights"):
        put_folder(whole, f"{place}/model")
    proxy.bring()
    with pytest.raises(UserError, match=rf"{place}/model: is not whole: its manifest\.json"):
        fetching.fetch_bundle(f"{place}/model", tmp_path / "model")
    with pytest.raises(UserError, match=rf"{place}/model: is not whole"):
        get_folder(f"{place}/model", tmp_path / "model", whole=True)
    assert not (tmp_path / "model").exists()
