"""Whether keys of one module, or of several, fit together."""

from __future__ import annotations

from collections.abc import Iterator

from kubepresso.config.checks.findings import Finding, error, warning
from kubepresso.config.checks.recipes import final_size
from kubepresso.config.cluster import amount
from kubepresso.config.config import View
from kubepresso.config.data import DataConfig
from kubepresso.config.explain import show

#: What holds a network that cannot be trained, or may hold code.
_REFUSED_WEIGHTS = (".onnx", ".tflite", ".pkl")


def check_data(view: View) -> Iterator[Finding]:
    """Check that the data set's format has what it reads, and that class names differ."""
    data = view.data
    if data is None:
        return
    if data.format == "huggingface" and data.metadata is None:
        yield error("missing; the format huggingface reads it", "data", "metadata")
    elif data.format == "huggingface" and data.metadata is not None and data.metadata.repo is None:
        yield error("missing; the format huggingface reads it", "data", "metadata", "repo")
    if data.format == "local" and data.path is None:
        yield error("missing; the format local reads it", "data", "path")
    yield from _check_names(data)


def _check_names(data: DataConfig) -> Iterator[Finding]:
    if isinstance(data.id_mapping, tuple):
        names = [item if isinstance(item, str) else item.name for item in data.id_mapping]
        named: list[tuple[str | int, str]] = list(enumerate(names))
    elif isinstance(data.id_mapping, dict) and not _maps_colours(data):
        named = list(data.id_mapping.items())
    else:
        return
    # Of class folders the names decide, of the other layouts an index.
    apart = data.task == "classification" and data.layout != "class_folders"
    path = ("data", "id_mapping")
    first: dict[str, str | int] = {}
    for label, name in named:
        if name in first:
            text = f"the name {name!r} is that of {first[name]!r} too"
            numbered = warning(f"{text}; they are told apart by a number", *path, label)
            yield numbered if apart else error(text, *path, label)
        first.setdefault(name, label)


def _maps_colours(data: DataConfig) -> bool:
    """Whether ``id_mapping`` is a colour map, in which several colours may be one class."""
    return data.task == "segmentation" and data.label_image_mode != "L"


def check_task(view: View) -> Iterator[Finding]:
    """Check that the data and the model are for one task."""
    if view.data is not None and view.model is not None and view.data.task != view.model.task:
        yield error(f"is {view.model.task}, but data.task is {view.data.task}", "model", "task")


def check_checkpoint(view: View) -> Iterator[Finding]:
    """Check that start weights can be read, and that they are not given in vain."""
    if view.model is None:
        return
    checkpoint, path = view.model.checkpoint, ("model", "checkpoint")
    if checkpoint.path is not None:
        if checkpoint.path.lower().endswith(_REFUSED_WEIGHTS):
            text = (
                f"{show(checkpoint.path)} is not read; give a .safetensors file, a state dict (.pth) or the "
                "folder of a model bundle"
            )
            yield error(text, *path, "path")
        elif not checkpoint.use_pretrained:
            yield warning("has no effect while use_pretrained is false", *path, "path")
    if checkpoint.load_head and not checkpoint.use_pretrained:
        yield warning("has no effect while use_pretrained is false", *path, "load_head")


def check_logging(view: View) -> Iterator[Finding]:
    """Check that promotion compares what is measured, at the size which the model meets."""
    logging = view.logging
    if logging is None:
        return
    names, metric = logging.metrics.metric_names, logging.promotion.metric
    if names is not None and metric is not None and metric not in names:
        text = f"{metric} is not measured; add it to logging.metrics.metric_names"
        yield error(text, "logging", "promotion", "metric")
    if view.augmentation is not None:
        size = final_size(view.augmentation.inference)
        sample = logging.model_save_options.sample_input_size
        if size is not None and size != sample:
            text = f"is {list(sample)}, but augmentation.inference gives {list(size)}"
            yield warning(text, "logging", "model_save_options", "sample_input_size")


def check_environment(view: View) -> Iterator[Finding]:
    """Check that the processes can be placed."""
    if view.environment is None:
        return
    distributed, path = view.environment.distributed, ("environment", "distributed")
    if distributed.nodes > 1 and distributed.launcher == "local":
        text = f"{distributed.nodes}, but the launcher local has one node; set nodes: 1"
        yield error(text, *path, "nodes")
    if distributed.max_nodes is not None and distributed.max_nodes < distributed.nodes:
        text = f"{distributed.max_nodes} is fewer than nodes, {distributed.nodes}"
        yield error(text, *path, "max_nodes")
    gpus, processes = view.environment.gpus_per_node, distributed.processes_per_node
    if distributed.launcher in ("trainjob", "pytorchjob") and gpus and processes and processes > gpus:
        text = f"{processes} processes need a GPU each, but a node has {gpus}; set gpus_per_node"
        yield error(text, *path, "processes_per_node")
    shared, memory = distributed.shared_memory, distributed.memory
    if shared and memory and amount(shared) >= amount(memory):
        text = f"{shared} is not less than memory, {memory}, which it is part of"
        yield error(text, *path, "shared_memory")
    if distributed.priority_class and not distributed.queue and distributed.launcher == "trainjob":
        text = "a TrainJob takes it by a queue only; set queue, or the class in the runtime"
        yield error(text, *path, "priority_class")
