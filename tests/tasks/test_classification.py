"""Losses and metrics of classification against scikit-learn and torch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from sklearn import metrics as reference
from torch.nn import functional as F

from kubepresso.config.model.losses import Loss
from kubepresso.tasks.build import build_task
from kubepresso.tasks.classification.metrics.confusion import confusion_matrix
from kubepresso.tasks.classification.metrics.roc import macro_roc_curve, roc_curve
from kubepresso.tasks.classification.registry import LOSSES, METRICS


@pytest.fixture
def predictions():
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(7, (200,), generator=generator)
    logits = torch.randn(200, 7, generator=generator) + 1.5 * F.one_hot(label, 7)
    return logits, label


def loss_entry(**values):
    return SimpleNamespace(**values)


def test_cross_entropy_of_hard_and_one_hot_targets_is_the_same(predictions):
    logits, label = predictions
    loss = LOSSES["cross_entropy"](loss_entry(label_smoothing=0.1, ignore_index=-100))
    expected = F.cross_entropy(logits, label, label_smoothing=0.1)
    assert torch.equal(loss(logits, label), expected)
    assert torch.allclose(loss(logits, F.one_hot(label, 7).float()), expected, atol=1e-6)


def test_ignored_labels_count_neither_in_sum_nor_mean(predictions):
    logits, label = predictions
    loss = LOSSES["cross_entropy"](loss_entry(label_smoothing=0.0, ignore_index=3))
    kept = label != 3
    assert torch.allclose(loss(logits, label), F.cross_entropy(logits[kept], label[kept]))


def test_focal_loss_without_focus_is_cross_entropy(predictions):
    logits, label = predictions
    loss = LOSSES["focal_loss"](loss_entry(alpha=None, gamma=0.0))
    assert torch.allclose(loss(logits, label), F.cross_entropy(logits, label), atol=1e-6)


def test_focal_loss_by_its_definition(predictions):
    logits, label = predictions
    loss = LOSSES["focal_loss"](loss_entry(alpha=0.25, gamma=2.0))
    p = logits.softmax(1)[torch.arange(200), label]
    expected = (-0.25 * (1 - p) ** 2 * p.log()).mean()
    assert torch.allclose(loss(logits, label), expected, atol=1e-6)
    assert torch.allclose(loss(logits, F.one_hot(label, 7).float()), expected, atol=1e-6)


def test_several_losses_are_summed_with_their_weights_and_shown_one_by_one(predictions):
    logits, label = predictions
    losses = [
        {"criterion": "cross_entropy", "weight": 2.0},
        {"criterion": "focal_loss", "weight": 0.5, "alpha": 1.0, "gamma": 2.0},
    ]
    entries = TypeAdapter(list[Loss]).validate_python(losses)
    task = build_task("classification", list("abcdefg"), entries)
    losses = task.step(torch.nn.Identity(), {"image": logits, "label": label}).losses
    assert torch.allclose(losses["cross_entropy"], 2 * F.cross_entropy(logits, label))
    assert torch.allclose(losses["loss"], losses["cross_entropy"] + losses["focal_loss"])


@pytest.mark.parametrize(("name", "k"), [("top1_accuracy", 1), ("top5_accuracy", 5)])
def test_top_k_as_scikit_learn_whatever_the_split_over_ranks(predictions, name, k):
    logits, label = predictions
    ranks = [METRICS[name](7) for _ in range(3)]
    for rank, part in zip(ranks, np.split(np.arange(200), [11, 150]), strict=True):
        for batch in torch.as_tensor(part).split(32):
            rank.update(logits[batch], {"label": label[batch]})
    merged = METRICS[name](7)
    merged.merge([rank.state() for rank in ranks])
    expected = reference.top_k_accuracy_score(label, logits, k=k, labels=range(7))
    assert merged.compute() == pytest.approx(expected, abs=1e-12)


def test_top5_of_three_classes_is_always_a_hit():
    metric = METRICS["top5_accuracy"](3)
    metric.update(torch.randn(4, 3), {"label": torch.tensor([0, 1, 2, 2])})
    assert metric.compute() == 1.0


def test_confusion_matrix_as_scikit_learn(predictions):
    logits, label = predictions
    expected = reference.confusion_matrix(label, logits.argmax(1), labels=range(9))
    assert np.array_equal(confusion_matrix(label, logits.argmax(1), 9), expected)


@pytest.mark.parametrize("decimals", [1, 8])
def test_roc_curve_as_scikit_learn_with_and_without_ties(predictions, decimals):
    logits, label = predictions
    score = (logits[:, 2] * 10**decimals).round() / 10**decimals
    curve = roc_curve(score, label == 2)
    fpr, tpr, _ = reference.roc_curve(label == 2, score, drop_intermediate=False)
    assert np.allclose(curve.fpr, fpr)
    assert np.allclose(curve.tpr, tpr)


@pytest.mark.parametrize("decimals", [1, 8])
def test_area_of_the_macro_curve_is_scikit_learns_macro_auc(predictions, decimals):
    logits, label = predictions
    score = (logits.double() * 10**decimals).round() / 10**decimals
    areas = [reference.roc_auc_score(label == index, score[:, index]) for index in range(7)]
    curve = macro_roc_curve(score, label)
    assert curve.area == pytest.approx(np.mean(areas), abs=1e-12)
    assert (curve.fpr.diff() >= 0).all()
    assert (curve.tpr.diff() >= -1e-12).all()


def test_classes_that_do_not_occur_have_no_curve():
    assert macro_roc_curve(torch.rand(5, 3), torch.full((5,), 2)) is None
