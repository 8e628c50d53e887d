"""EMA, precision, history, samplers: the parts of the engine on their own."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kubepresso.config import TrainingConfig
from kubepresso.data.sampler import EvaluationBatches, TrainingBatches
from kubepresso.errors import UserError
from kubepresso.training.ema import Ema
from kubepresso.training.history import EpochRecord, History
from kubepresso.training.precision import choose_precision
from kubepresso.training.process import available_cores

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "beta"), [("constant_decay", None), ("exp_decay", 4.0)])
def test_ema_of_weights_and_running_statistics_by_its_formula(name, beta):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    ema = Ema(model, SimpleNamespace(name=name, decay=0.9, beta=beta))
    expected = {key: value.clone() for key, value in model.state_dict().items()}
    for update in range(1, 6):
        model(torch.randn(2, 3, 5, 5))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        decay = 0.9 if beta is None else 0.9 * (1 - math.exp(-update / beta))
        ema.update()
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                expected[key] = decay * expected[key] + (1 - decay) * value
            else:
                expected[key] = value.clone()
    for key, value in ema.model.state_dict().items():
        assert torch.allclose(value, expected[key], atol=1e-6), key
    assert not ema.model.training


def test_fp16_on_a_cpu_is_refused_and_mixed_precision_there_is_bf16():
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        choose_precision(TrainingConfig(precision="fp16"), CPU)
    assert choose_precision(TrainingConfig(mixed_precision=True), CPU).name == "bf16"
    assert choose_precision(TrainingConfig(mixed_precision=True, precision="fp32"), CPU).name == "fp32"
    assert choose_precision(TrainingConfig(), CPU).name == "fp32"


def test_clipping_bounds_the_whole_gradient():
    model = nn.Linear(4, 1, bias=False)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    precision = choose_precision(TrainingConfig(), CPU)
    precision.step(100 * model(torch.ones(1, 4)).sum(), optimizer, model, max_norm=0.5)
    assert (model.weight - before).norm().item() == pytest.approx(0.5, rel=1e-4)
    assert model.weight.grad is None


def record(epoch, loss, accuracy):
    valid = {} if loss is None else {"loss": loss, "top1_accuracy": accuracy}
    return EpochRecord(epoch, 0.1, {"loss": 1.0}, valid, 1.0, 10.0)


def test_the_best_epoch_by_loss_and_by_metric_the_earliest_of_equals():
    epochs = [record(1, 0.9, 0.5), record(2, None, None), record(3, 0.7, 0.6), record(4, 0.8, 0.7)]
    epochs += [record(5, 0.7, 0.7)]
    by_loss, by_metric = History("loss", False), History("top1_accuracy", True)
    assert [by_loss.add(epoch) for epoch in epochs] == [True, False, True, False, False]
    assert [by_metric.add(epoch) for epoch in epochs] == [True, False, True, True, False]
    assert (by_loss.best.epoch, by_metric.best.epoch) == (3, 4)
    assert History.from_json(by_loss.to_json()) == by_loss


def test_epochs_without_validation_have_empty_cells():
    history = History("loss", False)
    history.add(record(1, 0.5, 0.25))
    history.add(record(2, None, None))
    rows = history.to_csv().splitlines()
    assert rows[0] == "epoch,lr,train_loss,valid_loss,valid_top1_accuracy,seconds,images_per_second"
    assert rows[2] == "2,0.1,1.0,,,1.0,10.0"


sizes = st.integers(1, 200), st.integers(1, 17), st.integers(1, 5)


@given(*sizes)
def test_evaluation_takes_every_sample_exactly_once_over_the_ranks(count, batch_size, world_size):
    ranks = [EvaluationBatches(count, batch_size, rank, world_size) for rank in range(world_size)]
    assert all(len(list(rank)) == len(rank) for rank in ranks)
    seen = [index for rank in ranks for batch in rank for _, index, _ in batch]
    assert sorted(seen) == list(range(count))


@given(*sizes, st.integers(0, 3))
def test_ranks_together_train_on_what_one_process_would(count, batch_size, world_size, epoch):
    if count < world_size:
        with pytest.raises(UserError, match="training processes for"):
            TrainingBatches(count, batch_size, 0, 0, world_size)
        return
    ranks = [TrainingBatches(count, batch_size, 0, rank, world_size) for rank in range(world_size)]
    for rank in ranks:
        rank.go_to(epoch)
    alone = TrainingBatches(count, ranks[0].batch_size * world_size, 0)
    alone.go_to(epoch)
    together = [list(itertools.chain(*batches)) for batches in zip(*ranks, strict=True)]
    assert together == list(alone)
    seen = [key for batch in together for key in batch]
    assert len(set(seen)) == len(seen) > 0
    assert {key[0] for key in seen} == {epoch}


def test_epochs_have_different_orders_and_a_middle_can_be_gone_on_from():
    batches = TrainingBatches(50, 8, seed=1)
    first = list(batches)
    batches.go_to(0, step=4, consumed=4 * 8)
    assert list(batches) == first[4:]
    batches.go_to(1)
    assert [i for _, i, _ in next(iter(batches))] != [i for _, i, _ in first[0]]


def test_the_cores_of_a_container_with_a_cpu_limit(tmp_path):
    limit = tmp_path / "cpu.max"
    limit.write_text("150000 100000\n")
    assert available_cores(limit) == 1
    limit.write_text("max 100000\n")
    assert available_cores(limit) == available_cores(tmp_path / "missing") >= 1
