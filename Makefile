# make run    set everything up, then train and test one fold in minutes
# make test   set everything up, then run the tests
# make score  set up what scoring needs: no Caffe is built, ONNX Runtime or OpenVINO computes
# make caffe CUDA=1   build Caffe for GPUs too; docs/experiments/gpu.md has its options
VENV := .venv
# the Python that made the environment is kept, unless another one is asked for
PYTHON ?= $(or $(wildcard $(shell sed -n 's/^executable = //p' $(VENV)/pyvenv.cfg 2>/dev/null)),python3)
PYTHON_ASKED := $(filter-out file,$(origin PYTHON))
# a system upgrade may have removed that Python: then the environment is made again
BROKEN = $(shell $(BIN)/python -c 'import numpy' 2>/dev/null || echo broken)
unexport VENV
BIN := $(VENV)/bin
# one more than two cores: some tests wait for other processes
TEST_JOBS ?= 3

.PHONY: venv asked engines score caffe caffe-cuda-check caffe-test run test slides labels cluster screen bench faults fuzz lint results docs

venv: $(VENV)/.complete

# the packages data_prep and deeppap are installed from this folder, so that notebooks of any folder can import them
$(VENV)/.complete: requirements.txt requirements-dev.txt pyproject.toml $(if $(PYTHON_ASKED)$(BROKEN),asked)
	third_party/caffe/make_venv.sh "$(PYTHON)"
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

# ONNX export, and scoring with ONNX Runtime or OpenVINO
engines: venv
	$(BIN)/python -m pip install -q -r requirements-engines.txt

# reading slides and writing their results
slides: venv
	$(BIN)/python -m pip install -q -r requirements-slides.txt

# importing COCO's masks and YOLO's data.yaml
labels: venv
	$(BIN)/python -m pip install -q -r requirements-labels.txt

# --cluster
cluster: venv
	$(BIN)/python -m pip install -q -r requirements-cluster.txt

# Caffe's messages are compiled, Caffe is not
score: engines slides
	third_party/caffe/messages.sh
	@echo "Next: tools/screen.py IMAGES --mpp UM --net models/herlev_cric"

caffe: venv
	third_party/caffe/install.sh cpu
	[ "$(CUDA)" != 1 ] || third_party/caffe/install.sh cuda

# compile and link the CUDA build into the cache; needs nvcc but no GPU, and installs nothing
caffe-cuda-check: venv
	third_party/caffe/cuda_check.sh

caffe-test: caffe
	third_party/caffe/test.sh cpu

test: caffe
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# the documents as a site, in build/site
docs: venv
	$(BIN)/python -m pip install -q -r requirements-docs.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

run: caffe
	tools/quick_start.sh

# the report of every run in results/, from its score files
results: caffe
	for run in results/*/run.json; do $(BIN)/python tools/report.py "$$(dirname "$$run")" || exit 1; done
	$(BIN)/python experiments/keep_results.py

# find, score and show the nuclei of synthetic fields, or of IMAGE
screen: score
	tools/quick_screen.sh

# needs a machine with nothing else to do; takes about an hour
bench: caffe engines slides cluster
	$(BIN)/python -m pip install -q -r requirements-bench.txt || echo "PyTorch could not be installed: measuring without it"
	for script in forward score screen; do $(BIN)/python benchmarks/$$script.py || exit 1; done

faults: caffe
	$(BIN)/python -m pytest tests/faults

fuzz: caffe
	FUZZ_EXAMPLES=5000 PICTURE_MUTATIONS=12500 $(BIN)/python -m pytest -rP tests/faults/test_fuzz.py tests/faults/test_fuzz_pictures.py
