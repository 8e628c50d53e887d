"""The YAML files beside the tests, and the modules that do not differ between them."""

from pathlib import Path

import yaml

HERE = Path(__file__).parent
REST = {
    "training": {"epochs": 10},
    "logging": {"model_save_options": {"sample_input_size": [256, 256]}},
    "environment": {"gpus": "0, 1"},
}


def load_yaml(name: str):
    return yaml.load((HERE / name).read_text(), Loader=yaml.CSafeLoader)
