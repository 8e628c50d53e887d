"""What a checkpoint holds and how it comes back: optimizers, copies on the device, batches, messages."""

import time
import weakref
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributed import HashStore
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, RMSprop

from kubepresso.errors import UserError
from kubepresso.training.checkpoints.snapshot import Snapshot
from kubepresso.training.loop import Loop
from kubepresso.training.roll_call import RollCall
from kubepresso.training.state import optimizer_tensors, restore_optimizer

OPTIMIZERS = [
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "fused": True}),
    (Adam, {"fused": True}),
    (AdamW, {"fused": True}),
    (Adamax, {"foreach": True}),
    (Adadelta, {"foreach": True}),
    (Adagrad, {"lr_decay": 0.1, "fused": True}),
    (RMSprop, {"momentum": 0.9, "foreach": True}),
]


def conv_and_optimizer(kind, options):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    names, parameters = zip(*model.named_parameters(), strict=True)
    return model, kind([{"params": list(parameters), "names": list(names)}], **options)


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
def test_an_optimizer_goes_on_from_its_tensors_to_the_last_bit(kind, options):
    model, optimizer = conv_and_optimizer(kind, options)
    for _ in range(3):
        step(model, optimizer)
    again, restored = conv_and_optimizer(kind, options)
    again.load_state_dict(model.state_dict())
    tensors = {name: value.clone().contiguous() for name, value in optimizer_tensors(optimizer).items()}
    restore_optimizer(restored, tensors)
    for one in (model, again):
        torch.manual_seed(1)
        step(one, optimizer if one is model else restored)
    assert torch.equal(model.weight, again.weight)
    for key, value in optimizer.state[model.weight].items():
        mine = restored.state[again.weight][key]
        assert torch.equal(mine, value), key
        assert mine.stride() == value.stride(), key


@pytest.mark.parametrize(("fused", "where"), [(True, "meta"), (False, "cpu")])
def test_the_count_of_steps_comes_back_where_torch_keeps_it(fused, where):
    """On the CPU, unless a fused kernel reads it: each step would else wait once a parameter for the GPU."""
    weight = nn.Parameter(torch.empty(3, device="meta"))
    optimizer = Adam([{"params": [weight], "names": ["weight"]}])
    optimizer.param_groups[0]["fused"] = fused
    restore_optimizer(optimizer, {"weight/step": torch.tensor(5.0), "weight/exp_avg": torch.zeros(3)})
    assert optimizer.state[weight]["step"].device.type == where
    assert optimizer.state[weight]["exp_avg"].device.type == "meta"


def test_a_copy_leaves_the_device_as_soon_as_it_is_in_main_memory():
    """Its room there is not held for as long as the disk or an upload takes."""
    on_device = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    there = weakref.ref(on_device)
    taken = Snapshot({"weight": on_device}, {})
    del on_device
    in_memory = taken.on_cpu()
    assert there() is None
    assert in_memory["weight"].is_contiguous()


def test_tensors_anywhere_in_a_batch_come_to_the_device():
    group = SimpleNamespace(device=torch.device("meta"))
    loop = Loop(None, None, None, group, (), None, 0, None, None)
    targets = {"boxes": [torch.zeros(2, 4), torch.zeros(0, 4)], "more": {"mask": torch.zeros(2), "name": "x"}}
    batch = loop._placed({"image": torch.zeros(2, 3, 4, 4), **targets})
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert {box.device.type for box in batch["boxes"]} == {"meta"}
    assert batch["more"]["mask"].device.type == "meta"
    assert batch["more"]["name"] == "x"


@pytest.mark.parametrize(
    "text",
    [
        "Timed out waiting 5000ms for recv operation to complete",
        "Connection closed by peer [127.0.0.1]:2000",
        "NCCL error in: x.cpp:12, remote process exited or there was a network error, NCCL version 2.27",
    ],
)
def test_a_rank_that_is_gone_is_named_whatever_the_library_says(text, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    store = HashStore()
    RollCall(store, 1, 2, 5.0).note(3, 7)
    named = r"rank 1 on .* last seen \d+ s ago in epoch 3, after step 7"
    with pytest.raises(UserError, match=named), RollCall(store, 0, 2, 5.0).explained():
        raise RuntimeError(text)
