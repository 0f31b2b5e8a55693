# make run    sets everything up and does the main job at quick size
# make test   sets everything up and runs the tests
# make caffe CUDA=1   builds Caffe for GPUs too; docs/gpu.md has its options
VENV := .venv
# the one that the environment was made by, which wrote itself down; another one asked for makes it anew
PYTHON ?= $(or $(wildcard $(shell sed -n 's/^executable = //p' $(VENV)/pyvenv.cfg 2>/dev/null)),python3)
PYTHON_ASKED := $(filter-out file,$(origin PYTHON))
# an environment whose Python has gone, with an upgrade of the system, is made anew too
BROKEN = $(shell $(BIN)/python -c 'import numpy' 2>/dev/null || echo broken)
unexport VENV
BIN := $(VENV)/bin
TEST_JOBS ?= 2

.PHONY: venv asked engines caffe caffe-cuda-check caffe-test run test slides cluster screen bench faults fuzz lint results

venv: $(VENV)/.complete

$(VENV)/.complete: requirements.txt requirements-dev.txt pyproject.toml $(if $(PYTHON_ASKED)$(BROKEN),asked)
	third_party/caffe/make_venv.sh "$(PYTHON)"
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

# other engines than Caffe for scoring, and tools/export_onnx.py
engines: venv
	$(BIN)/python -m pip install -q -r requirements-engines.txt

# what field images and slides need beside Caffe
slides: venv
	$(BIN)/python -m pip install -q -r requirements-slides.txt

# what --cluster needs
cluster: venv
	$(BIN)/python -m pip install -q -r requirements-cluster.txt

caffe: venv
	third_party/caffe/install.sh cpu
	[ "$(CUDA)" != 1 ] || third_party/caffe/install.sh cuda

# compiles and links the CUDA build into the cache; needs nvcc and no GPU, and installs nothing of Caffe
caffe-cuda-check: venv
	third_party/caffe/cuda_check.sh

caffe-test: caffe
	third_party/caffe/test.sh cpu

test: caffe
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

run: caffe
	tools/quick_start.sh

# every table of the README's runs again, from the score files in results/
results: caffe
	for run in results/*/run.json; do $(BIN)/python tools/report.py "$$(dirname "$$run")" || exit 1; done

# nuclei found, scored and shown where they lie: on phantom fields, unless IMAGE names others
screen: caffe slides
	tools/quick_screen.sh

# on a machine with nothing else to do; about an hour
bench: caffe engines slides cluster
	$(BIN)/python -m pip install -q -r requirements-bench.txt || echo "PyTorch could not be installed: measuring without it"
	tools/bench.py

faults: caffe
	$(BIN)/python -m pytest tests/faults

fuzz: caffe
	FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest tests/faults/test_fuzz.py
