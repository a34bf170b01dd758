PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo pictures test test-app test-ray test-wheel test-lowest check faults format
.DELETE_ON_ERROR:
# A test worker runs on every core: torch's own threads beside them would wait for each other.
test check: export OMP_NUM_THREADS := 1

demo: $(VENV)/.installed  ## install, then refine the example photos offline
	$(BIN)/maskdepth refine examples/photos --masks examples/masks -o demo/photos --layers --preview
	$(BIN)/maskdepth refine examples/rooms/rgb --instances examples/rooms/seg \
		--depths examples/rooms/initial -o demo/rooms --layers --preview
	$(BIN)/maskdepth refine examples/photos --masks examples/masks --depths examples/initial \
		-o demo/given --preview
	$(BIN)/maskdepth gallery demo/photos
	$(BIN)/maskdepth gallery demo/given
	$(BIN)/maskdepth gallery demo/rooms
	@echo "Open gallery.html of demo/photos, demo/given and demo/rooms in a browser"

pictures: demo $(VENV)/.installed-test  ## draw the pictures in docs/ anew; the gallery's needs Chromium
	$(BIN)/python docs/pictures.py

test: $(VENV)/.installed-test  ## install with the test tools, then pass the tests
	$(BIN)/python -m pytest -q -n auto

test-ray: $(VENV)-ray/.installed  ## install Ray beside the test tools, then kill its workers
	$(VENV)-ray/bin/python -m pytest -q tests/run/test_cluster.py

test-app: $(VENV)-app/.installed  ## install gradio beside the test tools, then use the page in Chromium
	$(VENV)-app/bin/python -m pytest -q tests/cli/test_app.py

test-wheel: $(VENV)/.installed-test  ## build wheel and sdist; refine with the wheel where only its own needs are
	$(BIN)/python -m tests.wheel

test-lowest:  ## needs uv: the lowest versions that pyproject.toml allows, with a real refinement
	uv venv --python 3.10 $(VENV)-lowest
	uv pip install --python $(VENV)-lowest --resolution lowest-direct '.[evaluate,exr,heif,timm]'
	$(VENV)-lowest/bin/python -c 'import OpenEXR, matplotlib, pillow_heif, scipy, timm'
	$(VENV)-lowest/bin/maskdepth refine examples/photos --masks examples/masks -o $(VENV)-lowest/refined

check: $(VENV)/.installed-test  ## formatting, lint, types, rooms, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n auto

faults: $(VENV)/.installed-test  ## disturb, fuzz and load at length; the tables of docs/reliability.md
	$(BIN)/python -m tests.faults --write

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: constraints.txt | $(VENV)/.created
	$(BIN)/python -m pip install -q "$$(grep '^torch==' constraints.txt)"
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.torch
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/.torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	@touch $(VENV)/.installed $@

# Ray, and gradio with the older Pillow that it asks for, lie in environments of their own, which see
# the other one's packages.
$(VENV)-%/.installed: $(VENV)/.installed-test
	$(BIN)/python -m venv $(@D)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/base.pth"
	grep -v '^pillow==' constraints.txt > $(@D)/constraints.txt
	$(@D)/bin/python -m pip install -q -c $(@D)/constraints.txt -e '.[$*]'
	@touch $@
