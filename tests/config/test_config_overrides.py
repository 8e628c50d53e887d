import pytest

from kubepresso.config import ConfigError, load_config

WRONG = [
    (
        "training.epochs",
        "override 'training.epochs': not an override; write key.key=value, for example training.epochs=3",
    ),
    ("=3", "override '=3': not an override; write key.key=value, for example training.epochs=3"),
    (
        "training..epochs=3",
        "override 'training..epochs=3': not an override; write key.key=value, for example training.epochs=3",
    ),
    ("training.epochs=0", "override 'training.epochs=0': training.epochs: must be at least 1, found 0"),
    (
        "training.epoch=3",
        "override 'training.epoch=3': training.epoch: unknown key; allowed: epochs, mixed_precision, "
        "precision, ema, max_norm, optimizer, scheduler, retraining, checkpoints, deterministic; "
        "did you mean 'epochs'?",
    ),
    (
        "trainin.epochs=3",
        "override 'trainin.epochs=3': trainin: unknown module; allowed: data, augmentation, model, "
        "training, logging, environment; did you mean 'training'?",
    ),
    ("training.epochs.x=3", "override 'training.epochs.x=3': training.epochs: is 90, so it has no 'x' in it"),
    (
        "augmentation.train.9.size=3",
        "override 'augmentation.train.9.size=3': augmentation.train: 9 is no index of this "
        "list; allowed: 0 to 3",
    ),
    (
        "augmentation.train.first.size=3",
        "override 'augmentation.train.first.size=3': augmentation.train: 'first' is no "
        "index of this list; allowed: 0 to 3",
    ),
    (
        "training.epochs=[1",
        "override 'training.epochs=[1': the [ that opens here is not closed, or a comma is missing in it",
    ),
    (
        "epochs=3",
        "override 'epochs=3': epochs: unknown module; allowed: data, augmentation, model, training, logging, "
        "environment; did you mean training.epochs?",
    ),
    ("a.b=", "override 'a.b=': a.b: nothing after =; write null for no value, '' for empty text"),
    (
        "training.ema= ",
        "override 'training.ema= ': training.ema: nothing after =; write null for no value, '' for "
        "empty text",
    ),
    (
        "augmentation.train[0].size=3",
        "override 'augmentation.train[0].size=3': write [0] with a dot: .0",
    ),
    (
        "training.ema.name.x=exp_decay",
        "override 'training.ema.name.x=exp_decay': training.ema.name: "
        '{"x": "exp_decay"} is not known; allowed: constant_decay, exp_decay; did you mean \'exp_decay\'?',
    ),
]


@pytest.mark.parametrize(("override", "expected"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_override_is_named(complete_file, override, expected):
    with pytest.raises(ConfigError) as caught:
        load_config(complete_file, [override])
    assert caught.value.problems == [expected]


def test_later_overrides_win_and_reach_into_lists(complete_file):
    config = load_config(
        complete_file,
        [
            "training.epochs=3",
            "training.epochs=120",
            "augmentation.train.0.size=64",
            "training.ema.name=exp_decay",
            "training.ema.beta=100",
            "data.name=a=b",
        ],
    )
    assert config.training.epochs == 120
    assert config.augmentation.train[0].size == 64
    assert config.training.ema.beta == 100.0
    assert config.data.name == "a=b"


def test_an_override_may_bring_a_whole_module(six_files):
    config = load_config(str(six_files), ["environment={batch_size: 2}", "logging=null"])
    assert config.environment.batch_size == 2
    assert config.environment.num_workers == 4
    assert config.logging.output_dir == "./outputs"
