# Building and testing arqd. Needs Go, git and make; `make` alone lists what
# there is to make.

GO ?= go
FUZZTIME ?= 20s
BENCHTIME ?= 1s
RUNS ?= 10000
ROUNDS ?= 50
SEED ?= 0
REPEAT ?= 1
DUR ?= 300
ARQS ?= 1000000
BOUND ?= 100000

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The version comes from here, so Go need not ask git, which refuses in a
# checkout that another user owns.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -buildvcs=false)

# Packages but the whole-service tests in test/.
UNIT = $$($(GO) list ./... | grep -v -e '/arqd/test$$' -e '/arqd/test/')

.DEFAULT_GOAL := help
.PHONY: help build run test check lint race fmt fuzz edge bench recovery sim crash verify mutants cover clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

build: ## bin/arqd, one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/arqd ./cmd/arqd

run: build ## build and serve on 127.0.0.1:6666 with fake devices
	@exec ./bin/arqd serve

test: build ## every test: vet, unit tests under the race detector, the whole service
	@$(GO) vet ./...
	@$(GO) vet -tags faults ./cmd/...
	@$(MAKE) --no-print-directory race
	@$(GO) test -count=1 -timeout 30m ./test/...

check: lint race ## before a push: linter, and unit tests under the race detector

lint: ## golangci-lint, fetched into .tools/ if need be
	@.ci/golangci-lint run ./...

race: ## unit tests under the race detector
	@.ci/need-cc
	@CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 15m $(UNIT)

fmt: ## format the code
	@.ci/golangci-lint fmt ./...

fuzz: ## each fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

edge: build ## storms of odd HTTP on the service for DUR (300) seconds; SEED=n replays one
	@ARQD_STORM=$(DUR) ARQD_SEED=$(filter-out 0,$(SEED)) $(GO) test -count=1 -timeout $$(( $(DUR) + 900 ))s -run 'TestStorm' -v ./test

bench: ## benchmarks, each for BENCHTIME (1s)
	@$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem -timeout 60m ./...

recovery: ## restart after kill -9 beside a bare Badger: ARQS (1000000), BOUND (100000) of them bound
	@ARQD_BENCH_ARQS=$(ARQS) ARQD_BENCH_BOUND=$(BOUND) $(GO) test -run '^$$' -bench Recovery -benchtime 1x -timeout 60m ./bench

sim: ## RUNS (10000) seeded simulations of the actors, and a crash at every point; SEED=n repeats one, REPEAT times
	@SIM_RUNS=$(RUNS) SIM_SEED=$(SEED) SIM_REPEAT=$(REPEAT) bash -o pipefail -c \
		"$(GO) test -count=1 -timeout 120m -v -run '^(TestSimulation$(if $(filter 0,$(SEED)),|TestCrashAtEveryPoint|TestFaultAtEveryWrite))\$$' ./actors | \
		grep -v -e '^=== ' -e '--- PASS: [^ ]*/'"

# A run that fails names a file with its history: HISTORY=file judges that again.
verify: ## DUR (300) seconds of clients, kills and faults, and a check of all that was seen; SEED=n repeats them
	@if [ -n "$(HISTORY)" ]; then $(GO) run ./test/history/judge "$(HISTORY)"; else \
		ARQD_SEED=$(filter-out 0,$(SEED)) ARQD_HISTORY=$(DUR)s \
		$(GO) test -count=1 -timeout $$(($(DUR) + 900))s -v -run '^TestHistory$$' ./test; fi

crash: build ## ROUNDS (50) times kill -9 under load, then a kill at every write; SEED=n repeats the load
	@ARQD_ROUNDS=$(ROUNDS) ARQD_SEED=$(filter-out 0,$(SEED)) bash -o pipefail -c \
		"$(GO) test -count=1 -timeout 120m -v -run '^(TestKillUnderLoad|TestCrash.*)\$$' ./test | \
		grep -v -e '^=== ' -e '--- PASS: [^ ]*/'"

mutants: ## faults in the sources, one at a time, each to be caught by a test; ONLY=regexp takes some
	@$(GO) run ./test/mutants $(if $(ONLY),-only '$(ONLY)')

cover: ## coverage of the unit tests; details in cover.out
	@$(GO) test -coverprofile=cover.out -timeout 15m $(UNIT)
	@$(GO) tool cover -func=cover.out | tail -n 1

clean: ## remove what was built (not the state in arqd-state/)
	@rm -rf bin cover.out
