"""Write the compiled pipelines and the components' pages: ``python -m pipelines.compile``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import docstring_parser
from kfp import compiler, dsl

from components.compress.component import compress
from components.evaluate.component import evaluate
from components.prepare_dataset.component import prepare_dataset
from components.promote.component import promote
from components.resolve.component import resolve
from components.train.component import train
from components.validate_augmentation.component import validate_augmentation
from pipelines.train_compress_retrain import train_compress_retrain

ROOT = Path(__file__).resolve().parent.parent
PIPELINES = {"train_compress_retrain": train_compress_retrain}
COMPONENTS = (resolve, prepare_dataset, validate_augmentation, train, evaluate, compress, promote)


def compile_pipelines(folder: Path) -> None:
    """Compile every pipeline into ``folder/<name>.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pipeline in PIPELINES.items():
        compiler.Compiler().compile(pipeline, str(folder / f"{name}.yaml"))


def component_page(component: dsl.base_component.BaseComponent) -> str:
    """Return the Markdown page of a component, from its docstring and its signature."""
    spec, function = component.component_spec, component.python_func
    parsed = docstring_parser.parse(function.__doc__ or "")
    described = {argument.arg_name: argument.description for argument in parsed.params}
    lines = [f"# {function.__name__}", "", _prose(function), "", "| input | type | |", "|---|---|---|"]
    for name, declared in (spec.inputs or {}).items():
        optional = " Optional." if declared.optional else ""
        lines.append(f"| `{name}` | {declared.type} | {_line(described.get(name))}{optional} |")
    lines += ["", "| output | type | |", "|---|---|---|"]
    for name, declared in (spec.outputs or {}).items():
        text = declared.description or described.get(name) or (parsed.returns and parsed.returns.description)
        lines.append(f"| `{name}` | {declared.type} | {_line(text)} |")
    return "\n".join(lines) + "\n"


def _prose(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").split("\nArgs:")[0].strip()


def _line(description: str | None) -> str:
    return " ".join((description or "").split())


def write_pages(folder: Path) -> None:
    """Write ``<component>/README.md`` for every component below ``folder``."""
    for component in COMPONENTS:
        page = folder / component.python_func.__name__ / "README.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(component_page(component), encoding="utf-8")


if __name__ == "__main__":
    compile_pipelines(ROOT / "pipelines" / "compiled")
    write_pages(ROOT / "components")
