"""What is done is not done again: the model is in the bucket, its job gone or interrupted at the end."""

import dataclasses
import json

import pytest
from cluster_script import Play
from clusters import launcher

from kubepresso import storage
from kubepresso.config import digest, parse_view

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(30)]


@pytest.fixture
def own_place(bucket, job_of, request):
    """Make a job that writes to a place of its own."""
    place = f"{bucket}/{request.node.name}/model"
    return lambda **distributed: dataclasses.replace(job_of(**distributed), output_uri=place)


def write_model(job, folder, config=None):
    """Write what a training pod does at its end."""
    lineage = {"config_digest": digest(parse_view(config or job.config).to_yaml())}
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"name": "trained", "lineage": lineage}))
    storage.put_folder(folder, job.output_uri)


def trains_to_a_model(job, folder):
    """A script of one pod that writes the model."""

    def script(api, made):
        play = Play(api, made)
        pod = play.run(play.pod())
        write_model(job, folder)
        play.end(pod)
        play.succeed()

    return script


def test_a_step_that_is_lost_after_its_job_was_deleted_trains_nothing_again(serve, own_place, tmp_path):
    job = own_place()
    api, said = serve("2.2", script=trains_to_a_model(job, tmp_path / "written")), []
    launcher(api).run(job)
    assert len(api.deleted) == 1
    again = dataclasses.replace(job, output=tmp_path / "again")  # another pod, which has nothing yet
    launcher(api, said=said).run(again)
    assert len(api.posted) == 1
    assert json.loads((again.output / "manifest.json").read_text())["name"] == "trained"
    assert f"the model is written already, to {job.output_uri}" in said[-1]


def test_a_node_preempted_while_the_first_one_writes_the_model_costs_nothing(serve, own_place, tmp_path):
    """The job has failed then, but its checkpoints are gone: all would be trained again."""
    job = own_place(nodes=2, max_restarts=2)

    def script(api, made):
        play = Play(api, made)
        first, second = (play.run(play.pod(index)) for index in range(2))
        play.end(second, 203)
        play.fail()
        write_model(job, tmp_path / f"written-{play.attempt}")
        play.end(first)

    api = serve("2.2", script=script)
    launcher(api).run(job)
    assert (job.output / "manifest.json").is_file()
    assert len(api.posted) == 1
    assert api.deleted == [api.posted[0]["metadata"]["name"]]


def test_a_model_of_other_settings_is_not_taken_for_done(serve, own_place, tmp_path):
    job, other = own_place(), own_place(memory="3Gi")
    write_model(job, tmp_path / "other", other.config)

    def script(api, made):
        play = Play(api, made)
        play.end(play.run(play.pod()))
        play.succeed()

    api = serve("2.2", script=script)
    launcher(api).run(job)
    assert len(api.posted) == 1


def test_a_model_whose_upload_broke_off_is_not_taken_for_done(serve, own_place, tmp_path):
    job = own_place()
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "manifest.json").touch()
    storage.put_folder(folder, job.output_uri)
    api = serve("2.2", script=trains_to_a_model(job, tmp_path / "whole"))
    launcher(api).run(job)
    assert len(api.posted) == 1
