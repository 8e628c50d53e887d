# Every target sets up what it needs: a virtual environment in .venv with locked versions.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   := outputs/demo

.PHONY: setup demo ui test test-slow lint format compile docs lock benchmark image clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	$(BIN)/python -m compileall -q trainer_image components pipelines
	touch $@

# Train, compress, retrain and promote a model on scikit-learn's digits.
demo: setup
	$(BIN)/python examples/digits/make_images.py $(DEMO)/digits
	$(BIN)/kubepresso run examples/digits

# Review the demo's runs in a browser.
ui: setup
	$(BIN)/mlflow server --backend-store-uri sqlite:///$(DEMO)/mlflow.db --artifacts-destination $(DEMO)/mlartifacts --host 127.0.0.1 --port 5000

# On two cores, a file of tests on one of them.
test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Long runs on real data (KUBEPRESSO_TEST_DATA, default ../shared/data).
test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 3600

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is generated and committed: compiled pipelines, component pages, the key reference. Tests hold them to the source.
compile: setup
	$(BIN)/python -m pipelines.compile

docs: compile

# The image of all components and training pods, by Docker or what BUILDER names; VARIANT is cuda or cpu. Its name is that
# of components/image.py, which KUBEPRESSO_IMAGE replaces.
BUILDER ?= docker buildx build --load
VARIANT ?= cuda

image:
	$(BUILDER) --build-arg VARIANT=$(VARIANT) \
	  --tag "$$(PYTHONPATH=trainer_image:. $(PYTHON) -c 'from components.image import IMAGE; print(IMAGE)')" .

# On a machine that does nothing else; the results stand in docs/results.md.
benchmark: demo
	$(BIN)/python benchmarks/training_speed.py
	$(BIN)/python benchmarks/loader.py "$$(ls -d $(DEMO)/pipeline/*/prepare-dataset/dataset | tail -n 1)"
	$(BIN)/python benchmarks/overhead.py

# Resolve all extras anew. torch gets three equals signs: see the head of constraints.txt.
lock: setup
	$(BIN)/pip install --quiet uv
	{ sed -n '/^#/p' constraints.txt; \
	  $(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml \
	  | sed 's/^torch==/torch===/'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf outputs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
