"""The console shows a line for each step and the step's words, and keeps which steps were cache hits."""

import io

from pipelines.console import Console

LOG = """13:00:00.000 - INFO - Running pipeline: \x1b[95m'train-compress-retrain'\x1b[0m
--------------------------------------------------------------------------------
13:00:00.100 - INFO - Executing task \x1b[96m'resolve'\x1b[0m
13:00:00.100 - INFO - Streamed logs:

    [KFP Executor 2026-11-23 13:00:00,500 INFO]: Looking for component `resolve` in --component_module_path
    [KFP Executor 2026-11-23 13:00:00,501 INFO]: Got executor_input:
    {
        "inputs": {
            "parameterValues": {"config": "key: 1"}
        }
    }
    warning: data.yaml:3:1: odd


13:00:01.100 - INFO - Task \x1b[96m'resolve'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m
13:00:01.100 - INFO - Task \x1b[96m'resolve'\x1b[0m outputs:
    config: 'data:
  name: digits
    secret-looking: 1
'
--------------------------------------------------------------------------------
13:00:01.200 - INFO - Task prepare-dataset cache hit (key=0123456789ab); skipping execution.
13:00:01.300 - INFO - Executing task \x1b[96m'train'\x1b[0m
13:00:01.400 - INFO - Streamed logs:

    train: 1 problem
13:00:02.000 - INFO - Task \x1b[96m'train'\x1b[0m finished with status \x1b[91mFAILURE\x1b[0m
"""


def shown(pieces):
    out = io.StringIO()
    console = Console(out, {"train": "retrain"})
    for piece in pieces:
        console.write(piece)
    return console, out.getvalue()


def test_it_keeps_the_steps_words_and_drops_the_orchestrators():
    console, text = shown([LOG])
    assert "warning: data.yaml:3:1: odd" in text
    assert "train: 1 problem" in text
    for noise in ("KFP Executor", "name: digits", "Streamed logs", "parameterValues", "}", "----", "\x1b"):
        assert noise not in text
    assert [(t.name, t.cached, t.failed) for t in console.tasks] == [
        ("resolve", False, False),
        ("prepare-dataset", True, False),
        ("retrain", False, True),
    ]


def test_the_size_of_the_pieces_does_not_matter():
    assert len(shown([LOG])[0].tasks) == len(shown(list(LOG))[0].tasks) == 3
