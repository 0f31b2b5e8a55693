# make run    sets everything up and does the main job at quick size
# make test   sets everything up and runs the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: venv caffe caffe-test run test faults fuzz bench lint clean

venv: $(VENV)/.complete

$(VENV)/.complete: requirements.txt requirements-dev.txt
	third_party/caffe/make_venv.sh "$(PYTHON)"
	touch $@

caffe: venv
	third_party/caffe/install.sh cpu

caffe-test: caffe
	third_party/caffe/test.sh cpu

test: caffe
	$(BIN)/python -m pytest

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

run: caffe
	tools/quick_start.sh
