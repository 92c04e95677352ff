# Two commands set everything up on a machine with Python 3.11, make and git: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Libraries phone home unless told otherwise; a hospital's tools do not.
export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true
export GX_ANALYTICS_ENABLED = false

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types floors unit unit-stories unit-parts unit-rest format bench bench-claims bench-tally bench-drift bench-reports bench-cases bench-web power coverage twin real clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# What open_clip needs besides, in a folder of its own that only its tests look into: torchvision's wheels are built for
# another torch than the one without a GPU, and in the virtual environment transformers would stumble over it.
$(VENV)/open-clip/installed: $(VENV)/installed
	rm -rf $(VENV)/open-clip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps \
		--target $(VENV)/open-clip open_clip_torch timm torchvision ftfy wcwidth
	touch $@

install: $(VENV)/installed $(VENV)/open-clip/installed ## the virtual environment, with exact versions

demo: install ## a simulated hospital with planted faults, audited end to end
	$(BIN)/auditor demo

test: install lint types floors unit ## everything that must hold before a change lands

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

floors: install
	$(BIN)/lint-imports

# Three processes share the cores, since tests that wait for a server or a scheduler leave a core idle. Without
# OMP_NUM_THREADS each would start as many threads as there are cores. The stories live through months, kill schedulers
# or drive a browser; keeping and issuing keep them company, so that all three take equally long. The examples ask models.
STORIES := tests/auditor/test_demo_alerts.py tests/auditor/test_demo_judged.py tests/dashboards tests/auditor/clock tests/auditor/keeping tests/auditor/issuing
EXAMPLES := tests/auditor/test_examples.py tests/auditor/replay
PARTS := tests/auditor

unit unit-stories unit-parts unit-rest: export OMP_NUM_THREADS = 1

unit: install
	$(MAKE) --no-print-directory --jobs=3 --output-sync=target unit-stories unit-parts unit-rest

unit-stories: install
	$(BIN)/python -m pytest $(STORIES)

unit-parts: install
	$(BIN)/python -m pytest $(PARTS) $(addprefix --ignore=,$(STORIES) $(EXAMPLES))

unit-rest: install
	$(BIN)/python -m pytest $(EXAMPLES)
	$(BIN)/python -m pytest $(addprefix --ignore=,$(PARTS) $(STORIES))

format: install ## put the code in its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## speed and memory, beside what one would use instead (25 minutes)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.tally
	$(BIN)/python -m benchmarks.drift

bench-tally: install ## tallies of a million judgements and what is read from them, beside fairlearn (12 minutes)
	$(BIN)/python -m benchmarks.tally

bench-claims: install ## negative controls and speed of the rule engine on real reports
	$(BIN)/python -m benchmarks.claims

bench-drift: install ## the drift panel on a million rows and twenty columns, beside Evidently (minutes)
	$(BIN)/python -m benchmarks.drift

bench-reports: install ## the weekly report and the fleet's at ten systems, 52 weeks, 40 measures, 12 slices (2 minutes)
	$(BIN)/python -m benchmarks.reports

bench-cases: install ## the list of a million cases: made, filtered, paged (10 minutes)
	$(BIN)/python -m benchmarks.cases

bench-web: install ## the dashboard at twenty systems over five years, twenty requests a second (half an hour; LEDGER=postgresql+psycopg://… for PostgreSQL)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.web $(LEDGER)

power: install ## false alarms and delays of the charts by simulation, beside what one would use instead (5 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.power

twin: install ## false alarms of the demo hospital without its faults, over 20 seeds (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.faultless

real: install ## two public data sets audited, beside scikit-learn and naive intervals (4 to 7 minutes; AUDITOR_SHARED names their folder)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.real

coverage: install ## coverage, width and side of every interval by simulation on clustered patients (65 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage_slices

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
