# make demo   the main job on generated clips; needs Python >= 3.11 and nothing else
# make test   the gate: style, types, import directions, tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/wildact simulate demo/clips --videos 3 --seconds 6 --seed 7 --sites 3 --cameras 1 --blank-share 0 --workers 2
	$(BIN)/wildact run demo/clips/videos --out demo/results --overwrite
	@echo
	@echo "Look at  demo/results/report.html             everything on one page"
	@echo "         demo/results/videos/*/annotated.mp4  masks, names and actions drawn on the clips"
	@echo "         demo/results/bouts.csv               who did what, from when to when"

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -q

clean:
	rm -rf $(VENV) demo
