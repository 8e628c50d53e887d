"""Schedules against torch's schedulers and closed forms."""

import pytest
import torch
from pydantic import TypeAdapter
from torch.optim import lr_scheduler

from kubepresso.config.training import Scheduler
from kubepresso.training.schedules.build import build_schedule, set_learning_rates

LR, EPOCHS = 0.4, 20


def rates(epochs=EPOCHS, lr=LR, **entry):
    schedule = build_schedule(TypeAdapter(Scheduler).validate_python(entry), epochs)
    return [schedule(lr, epoch) for epoch in range(epochs)]


def torch_rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(optimizer)
    found = []
    for _ in range(EPOCHS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


NO_WARMUP = {"warmup_epochs": 0, "warmup_bias_lr": 0.0}


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ({"name": "step", "iters_per_phase": 3, "gamma": 0.5}, lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
        (
            {"name": "multi_step", "milestones": [4, 9], "gamma": 0.2},
            lambda o: lr_scheduler.MultiStepLR(o, [4, 9], 0.2),
        ),
        (
            {"name": "poly", "power": 0.9, "min_lr": 0.0, "end_epoch": 15, **NO_WARMUP},
            lambda o: lr_scheduler.PolynomialLR(o, 15, 0.9),
        ),
        (
            {"name": "cosine_no_sgdr", "min_lr": 0.01, "end_epoch": EPOCHS, **NO_WARMUP},
            lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS, 0.01),
        ),
        (
            {"name": "cosine", "min_lr": 0.01, "iters_per_phase": 6, **NO_WARMUP},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 6, eta_min=0.01),
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_as_torch(entry, reference):
    assert rates(**entry) == pytest.approx(torch_rates(reference), abs=1e-9)


@pytest.mark.parametrize("name", ["poly", "cosine_no_sgdr", "cosine"])
def test_warm_up_rises_in_a_line_and_meets_the_rate(name):
    found = rates(name=name, warmup_epochs=4, warmup_bias_lr=0.2, min_lr=0.01)
    assert found[:5] == pytest.approx([0.2, 0.25, 0.3, 0.35, 0.4])


@pytest.mark.parametrize("name", ["poly", "cosine_no_sgdr"])
def test_stays_at_the_end(name):
    found = rates(name=name, warmup_epochs=2, warmup_bias_lr=0.0, min_lr=0.03, end_epoch=12)
    assert found[12:] == pytest.approx([0.03] * 8)
    assert found[11] > 0.03


def test_an_end_beyond_the_last_epoch_comes_back_to_it():
    late = rates(name="cosine_no_sgdr", warmup_epochs=1, end_epoch=500)
    assert late == rates(name="cosine_no_sgdr", warmup_epochs=1, end_epoch=EPOCHS)


def test_more_warm_up_than_epochs_only_warms_up():
    found = rates(epochs=3, name="cosine_no_sgdr", warmup_epochs=5, warmup_bias_lr=0.0)
    assert found == pytest.approx([0.0, 0.08, 0.16])


def test_a_group_with_a_rate_below_the_minimum_does_not_rise():
    assert max(rates(lr=1e-6, name="poly", min_lr=1e-3, **NO_WARMUP)) <= 1e-6


def test_every_group_is_scheduled_from_its_own_rate_and_none_drifts():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.4, 0.04)]
    optimizer = torch.optim.SGD(groups)
    schedule = build_schedule(TypeAdapter(Scheduler).validate_python({"name": "step", "gamma": 0.5}), 9)
    for epoch in (0, 3, 3, 1):
        set_learning_rates(optimizer, schedule, epoch)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.02])
