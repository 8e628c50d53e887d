"""A training that no launcher started: MLflow tells it as one run, however often its command starts."""

import pytest
from stops import job

from kubepresso.training.run import run


def runs_of(client):
    (experiment,) = [found for found in client.search_experiments() if found.name != "Default"]
    return client.search_runs([experiment.experiment_id])


def test_the_same_command_goes_on_in_the_same_run(digits, tmp_path, client):
    with pytest.raises(SystemExit):
        run(job(digits, tmp_path / "model", looks=7))
    (interrupted,) = runs_of(client)
    assert interrupted.info.status == "KILLED"
    run(job(digits, tmp_path / "model", environment__num_workers=1))
    (done,) = runs_of(client)
    assert (done.info.run_id, done.info.status) == (interrupted.info.run_id, "FINISHED")
    assert [point.step for point in client.get_metric_history(done.info.run_id, "train_loss")] == [1, 2]


def test_what_is_trained_once_more_or_to_another_place_is_another_run(digits, tmp_path, client):
    with pytest.raises(SystemExit):
        run(job(digits, tmp_path / "model", looks=3))
    run(job(digits, tmp_path / "other"))
    run(job(digits, tmp_path / "other"))
    assert sorted(found.info.status for found in runs_of(client)) == ["FINISHED", "FINISHED", "KILLED"]
