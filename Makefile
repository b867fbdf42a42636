# One command for each intention; `make help` lists them. Everything is built below build/.
SHELL := /bin/sh
PYTHON := /usr/bin/python3
JOBS := $(shell nproc)
.DEFAULT_GOAL := help

.PHONY: help run build test test-thorough test-stores sim sim-plant fuzz bench lint format docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | column -t -s '|'

run: build ## build, then serve on 127.0.0.1:8080 into ./sluice-data
	@tools/run.sh

build: ## build the program into build/sluice
	@mkdir -p build
	@tools/install-deps.sh build
	@cmake --preset release -DSLUICE_TESTS=OFF >build/configure.log 2>&1 || \
	  { cat build/configure.log; exit 1; }
	@cmake --build build/release --parallel $(JOBS) --target sluice
	@ln -sfn release/apps/sluice/sluice build/sluice

test: ## build and run every test; the last line counts them
	@tools/install-deps.sh build test
	@$(PYTHON) tools/run_tests.py

test-thorough: ## the same, and end to end with AddressSanitizer
	@tools/install-deps.sh build test
	@$(PYTHON) tools/run_tests.py --thorough

test-stores: ## what talks to a real S3 server, on Ceph RGW 16.2 and 20.2 and on Swift 2.38
	@tools/install-deps.sh build test
	@$(PYTHON) tools/run_tests.py --only '^stores/|^e2e/sizes' --servers ceph-16.2,ceph-20.2,swift-2.38

fuzz: ## every fuzzer for SECONDS=600 each, as many at once as there are cores
	@tools/install-deps.sh build test
	@$(PYTHON) tools/run_tests.py --only '^fuzz/' --fuzz-seconds $(or $(SECONDS),600)

SEEDS ?= 10000
sim: ## simulate schedules of faults: SEEDS=N, SEEDS=A..B, or SEED=X for the trace of one
	@tools/install-deps.sh build test
	@cmake --preset release >/dev/null
	@cmake --build build/release --parallel $(JOBS) --target sluice_sim | tail -1
	@build/release/sim/sluice_sim $(if $(SEED),--seed $(SEED) --trace,--seeds $(SEEDS)) $(ARGS)

sim-plant: ## put known bugs into a copy of the engine: the simulator must find each
	@tools/install-deps.sh build test
	@$(PYTHON) sim/plant.py $(ARGS)

bench: ## measure throughput, CPU and memory; see bench/
	@tools/install-deps.sh build test
	@$(PYTHON) bench/run.py $(ARGS)

lint: ## clang-tidy on the files changed since main (ALL=1: on all)
	@tools/install-deps.sh build test lint
	@tools/lint.sh $(ALL)

format: ## clang-format everything
	@tools/install-deps.sh lint
	@find src apps tests bench fuzz sim -name '*.h' -o -name '*.cc' | xargs clang-format -i

docs: ## write docs/configuration.md from the table of keys
	@tools/install-deps.sh build test
	@cmake --preset asan >/dev/null
	@cmake --build build/asan --parallel $(JOBS) --target config_test
	@SLUICE_UPDATE_DOCS=1 build/asan/config_test --gtest_filter='Reference.*' >/dev/null
	@git status --short docs

clean: ## remove build/
	rm -rf build
