# Building and testing arqd. Needs Go, git and make; `make` alone lists what
# there is to make.

GO ?= go
FUZZTIME ?= 20s
BENCHTIME ?= 1s
RUNS ?= 10000
FIRST ?= 1
ROUNDS ?= 50
SEED ?= 0
FS ?= ext4
REPEAT ?= 1
DUR ?= 300
ARQS ?= 1000000
BOUND ?=
RECORD ?=
ROUNDS_EACH ?= 5
SECONDS ?= 2
ROWS ?= SideBySide|Stored|List|Heap|Recovery
BASE ?= main
COUNT ?= 6
BENCH ?= .
PKG ?=

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The version comes from here, so Go need not ask git, which refuses in a
# checkout that another user owns.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -buildvcs=false)

# Packages but the whole-service tests in test/.
UNIT = $$($(GO) list ./... | grep -v -e '/arqd/test$$' -e '/arqd/test/')

# Packages with benchmarks of parts; ./bench measures the whole.
PARTS = $$($(GO) list ./... | grep -v -e '/arqd/test$$' -e '/arqd/test/' -e '/arqd/bench$$')

# What the benchmarks of the whole take from the environment.
LIMITS = ARQD_BENCH_ARQS=$(ARQS) ARQD_BENCH_BOUND=$(BOUND) ARQD_BENCH_ROUNDS=$(ROUNDS_EACH) ARQD_BENCH_SECONDS=$(SECONDS)

# NVIDIA's binding calls what its header deprecates.
NVML = CGO_ENABLED=1 CGO_CFLAGS='-O1 -Wno-deprecated-declarations'

.DEFAULT_GOAL := help
.PHONY: help build build-nvml run test check lint race fmt fuzz edge bench bench-micro bench-compare recovery sim rush crash power verify mutants cover clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

build: ## bin/arqd, one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/arqd ./cmd/arqd

build-nvml: ## bin/arqd with NVIDIA's management library, which needs a C compiler and the host's C library
	@.ci/need-cc
	@$(NVML) $(GO) build -tags nvml -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/arqd ./cmd/arqd

run: build ## build and serve on 127.0.0.1:6666 with fake devices
	@exec ./bin/arqd serve

test: build ## every test: vet, unit tests under the race detector, the whole service
	@$(GO) vet ./...
	@$(GO) vet -tags faults ./cmd/...
	@$(MAKE) --no-print-directory race
	@$(NVML) $(GO) vet -tags nvml ./devices/nvidia/... ./cmd/arqd
	@$(NVML) $(GO) test -tags nvml -count=1 ./devices/nvidia/...
	@$(GO) test -count=1 -timeout 30m ./test/...

check: lint race ## before a push: linter, and unit tests under the race detector

lint: ## golangci-lint, fetched into .tools/ if need be
	@.ci/golangci-lint run ./...

race: ## unit tests under the race detector
	@.ci/need-cc
	@test/need disk || [ "$$CI" != true ]
	@CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 15m $(UNIT)

fmt: ## format the code
	@.ci/golangci-lint fmt ./...

fuzz: ## each fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

edge: build ## storms of odd HTTP on all three listeners, DUR (300) seconds for clients and half of that for agents; SEED=n replays one
	@ARQD_STORM=$(DUR) ARQD_SEED=$(filter-out 0,$(SEED)) $(GO) test -count=1 -timeout $$(( 3 * $(DUR) + 900 ))s -run 'TestStorm' -v ./test

bench: ## the service beside what its parts cost alone, and its goals: ARQS (1000000) stored, RECORD=1 keeps the results
	@$(LIMITS) $(if $(RECORD),ARQD_BENCH_RECORD=$(CURDIR)/bench/results/history.jsonl) ARQD_BENCH_VERSION=$(VERSION) \
		$(GO) test -run '^$$' -bench '^Benchmark($(ROWS))$$' -benchtime 1x -timeout 120m ./bench

bench-micro: ## the Go benchmarks beside the code, each for BENCHTIME (1s)
	@$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem -timeout 60m $(PARTS)

bench-compare: ## those of BASE=rev and of here in turn, COUNT (6) times each; PKG=./http BENCH=regexp take some
	@.ci/bench-compare "$(BASE)" "$(COUNT)" "$(BENCH)" "$(BENCHTIME)" $(or $(PKG),$(PARTS))

recovery: ## restart after kill -9 beside a bare Badger: ARQS (1000000), BOUND (a tenth) of them bound
	@$(LIMITS) $(GO) test -run '^$$' -bench Recovery -benchtime 1x -timeout 60m ./bench

sim: ## RUNS (10000) seeded simulations of the actors, from seed FIRST (1) on, and a crash at every point; SEED=n repeats one, REPEAT times
	@SIM_RUNS=$(RUNS) SIM_FIRST=$(FIRST) SIM_SEED=$(SEED) SIM_REPEAT=$(REPEAT) bash -o pipefail -c \
		"$(GO) test -count=1 -timeout 120m -v -run '^(TestSimulation$(if $(filter 0,$(SEED)),|TestCrashAtEveryPoint|TestFaultAtEveryWrite))\$$' ./actors | \
		grep -v -e '^=== ' -e '--- PASS: [^ ]*/'"

rush: ## DUR (300) seconds of the actors under the race detector, in real time, on as many processors as GOMAXPROCS says
	@.ci/need-cc
	@RUSH=$(DUR)s CGO_ENABLED=1 $(GO) test -race -count=1 -timeout $$(( $(DUR) + 900 ))s -run '^TestRush$$' -v ./actors

# A run that fails names a file with its history: HISTORY=file judges that again.
verify: ## DUR (300) seconds of clients, kills and faults, and a check of all that was seen; SEED=n repeats them
	@if [ -n "$(HISTORY)" ]; then $(GO) run ./test/history/judge "$(HISTORY)"; else \
		ARQD_SEED=$(filter-out 0,$(SEED)) ARQD_HISTORY=$(DUR)s \
		$(GO) test -count=1 -timeout $$(($(DUR) + 900))s -v -run '^TestHistory$$' ./test; fi

crash: build ## ROUNDS (50) times kill -9 under load, then a kill at every write; SEED=n repeats the load
	@ARQD_ROUNDS=$(ROUNDS) ARQD_SEED=$(filter-out 0,$(SEED)) bash -o pipefail -c \
		"$(GO) test -count=1 -timeout 120m -v -run '^(TestKillUnderLoad|TestCrash.*)\$$' ./test | \
		grep -v -e '^=== ' -e '--- PASS: [^ ]*/'"

power: build ## ROUNDS (50) cuts of the power of a disk: of the store under load, at starts, stops and restores, and of an agent's journal; FS=xfs or btrfs
	@test/need disk $(filter-out ext4,$(FS))
	@ARQD_ROUNDS=$(ROUNDS) ARQD_SEED=$(filter-out 0,$(SEED)) ARQD_FS=$(FS) bash -o pipefail -c \
		"$(GO) test -count=1 -timeout 120m -v -run 'PowerCut' ./persistence/badger ./devices/agent/journal ./test | \
		grep -v -e '^=== ' -e '--- PASS: [^ ]*/'"

mutants: ## faults in the sources, one at a time, each to be caught by a test; ONLY=regexp takes some
	@$(GO) run ./test/mutants $(if $(ONLY),-only '$(ONLY)')

cover: ## coverage of the unit tests; details in cover.out
	@$(GO) test -coverprofile=cover.out -timeout 15m $(UNIT)
	@$(GO) tool cover -func=cover.out | tail -n 1

clean: ## remove what was built (not the state in arqd-state/)
	@rm -rf bin cover.out
