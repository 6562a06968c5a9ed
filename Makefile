# Every target makes the environment it needs from a bare Python 3.11 or later.

# the first Python that is new enough; name another with make PYTHON=...
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# Galaxy's oldest Python, where there is one: the rule is tested there too
PYTHON39 ?= $(shell for python in "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.9.*/bin/python python3.9; do \
	$$python -c '' 2>/dev/null && echo $$python && break; done)
# the releases of Galaxy that the rule is tested with, the one with the most tests first; fewer with
# make test-galaxy GALAXIES=26.1
GALAXIES ?= 26.1 25.1 24.2
# what a release of Galaxy is made of; left alone, an old galaxy-app takes the newest of the others and cannot start
GALAXY_PARTS := app auth config data files job-execution job-metrics navigation objectstore schema tool-util \
	tool-util-models tours util web-framework web-stack
BIN := .venv/bin
# what is imported once is compiled once, also where somebody's profile says otherwise: uv compiles nothing, and each of
# the hundreds of processes that tests start would compile all that it imports, for Galaxy half a minute
export PYTHONDONTWRITEBYTECODE :=
# uv takes seconds where pip takes minutes
INSTALL := UV_SYSTEM_CERTS=1 $(BIN)/uv pip install -q
# benches that take long, and have a target of their own
OWN_TARGET := sizing service scale

.PHONY: demo test lint .environments bench bench-sizing bench-service bench-scale soak .wrk record test-galaxy \
	$(GALAXIES:%=.test-galaxy-%) test-galaxy-server test-recording test-browser .chromium clean

demo: .venv/ready
	$(BIN)/python examples/demo.py

# a process of tests for each core; the tests of a file share what it has started, and stay together
test: lint $(if $(PYTHON39),.venv-39/ready)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# all that `make test` and `make test-galaxy` run in, side by side with make -j2
.environments: .venv/ready $(if $(PYTHON39),.venv-39/ready) $(GALAXIES:%=.venv-galaxy-%/ready)

bench: .venv/ready
	for file in $(filter-out $(OWN_TARGET:%=tests/bench_%.py),$(wildcard tests/bench_*.py)); do $(BIN)/python $$file || exit 1; done

# half an hour: the sizing on the recorded jobs in ../shared/data beside its peers; name parts with PARTS="org few"
bench-sizing: .venv/ready
	$(BIN)/python tests/bench_sizing.py $(PARTS)

# the service beside FastAPI hello, the seed's way, MLServer and BentoML: 15 minutes, the first time 20 and 1.5 GB;
# name parts with PARTS="hello batch", and shorten with PACE="--rounds 1 --seconds 3"
bench-service: .venv/ready .wrk
	$(BIN)/python tests/bench_service.py $(PACE) $(PARTS)

# a million requests, a hundred reloads and every other way to break the service: an hour or more; name parts with
# PARTS="drift reload", and try with PACE="--share 0.01"
soak: .venv/ready .wrk
	$(BIN)/python tests/soak.py $(PACE) $(PARTS)

# the load generator; without it and without root, what needs it is skipped with the reason
.wrk:
	@command -v wrk >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends wrk; }

# hours: 1 and 10 million recorded jobs of 500 tools, exported, read and trained; other numbers and parts with
# SCALE="100000 --parts export read"
bench-scale: .venv/ready
	$(BIN)/python tests/bench_scale.py $(SCALE)

record: .venv/ready
	@for program in bowtie2 hisat2 samtools; do command -v $$program >/dev/null || missing=yes; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -q && apt-get install -q -y --no-install-recommends bowtie2 hisat2 samtools; fi
	$(BIN)/python examples/record_jobs.py

# the real Galaxy classes, one environment for each release and without the trainer's packages, call the rule against
# the real service; conftest.py is for the tests that have them. Two releases at a time: make -j2 -O test-galaxy
test-galaxy: $(GALAXIES:%=.test-galaxy-%)

$(GALAXIES:%=.test-galaxy-%): .test-galaxy-%: .venv-galaxy-%/ready
	GMR_PYTHON=$(CURDIR)/$(BIN)/python .venv-galaxy-$*/bin/python -m pytest -m galaxy --noconftest \
		-W ignore $(filter-out tests/test_galaxy_server.py,$(wildcard tests/test_galaxy_*.py))

# a real Galaxy 26.1 dispatches to a real Slurm, whose cgroups kill what takes too much, and what its jobs left in its
# database is exported, learned from and asked for: 12 minutes, the first time 16 and 1.2 GB; needs root,
# ../shared/galaxy-harness, Slurm, munge, a memory controller of cgroup v1, 2 cores and 5 GB of memory, and skips with a
# reason without them. GX_HARNESS and GX_VENV name other folders.
test-galaxy-server: .venv/ready
	$(BIN)/python -m pytest -s -v -m galaxy_server tests/test_galaxy_server.py

# real tools in real memory cgroups: needs root and the programs of make record
test-recording: .venv/ready
	$(BIN)/python -m pytest -m recording tests/test_examples_recording.py

# a real Chromium looks at the page, and leaves what it saw in tests/screenshots: 5 minutes; without it and without
# root, skipped with the reason. GMR_BROWSER_MODELS names bundles of examples/ that were trained before.
test-browser: .venv/browser .chromium
	$(BIN)/python -m pytest -m browser $(wildcard tests/test_browser_*.py)

.chromium:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -q && apt-get install -q -y --no-install-recommends chromium; }

.venv/browser: .venv/ready
	$(INSTALL) --python $(BIN)/python -e '.[browser]'
	@touch $@

.venv/ready: setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or later with venv found; name one with make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(INSTALL) --python $(BIN)/python -e '.[trainer,service,dev]' || \
		$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[trainer,service,dev]'
	@touch $@

.venv-39/ready: .venv/ready setup.cfg
	$(BIN)/uv venv -q --clear --python $(PYTHON39) .venv-39
	$(INSTALL) --python .venv-39/bin/python requests pyyaml
	@touch $@

# gxformat2: its release 0.21 left out what Galaxy 24.2 imports
.venv-galaxy-%/ready: .venv/ready setup.cfg
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-galaxy-$*
	printf 'galaxy-%s==$*.*\n' $(GALAXY_PARTS) >.venv-galaxy-$*/parts.txt
	$(if $(filter 24.2,$*),echo 'gxformat2<0.21' >>.venv-galaxy-$*/parts.txt)
	$(INSTALL) --python .venv-galaxy-$*/bin/python -c .venv-galaxy-$*/parts.txt \
		galaxy-app pytest $(if $(filter 26.1,$*),'total-perspective-vortex==3.3.*')
	@touch $@

clean:
	rm -rf .venv .venv-39 .venv-galaxy* models output_files build *.egg-info
