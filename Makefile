# Everything a person does with this tree. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOFLAGS := -buildvcs=false

# The tools and their versions, in one place.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOFUMPT       := mvdan.cc/gofumpt@v0.12.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.8.0
PROTOC_GO     := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GRPC   := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

BIN := build/bin
BINARIES := $(BIN)/storewardd $(BIN)/storewardctl $(BIN)/storeward-plugins $(BIN)/storeward-console
GO_SOURCES = $(shell find core plugins mibs console -name '*.go' -not -name '*_test.go' 2>/dev/null) go.mod go.sum

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-zA-Z0-9_-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Build

.PHONY: root
root: # what makes network namespaces says so before anything is built
	@[ "$$(id -u)" = 0 ] || { echo "make $(MAKECMDGOALS): the nodes are network namespaces: run it as root, e.g. sudo make $(MAKECMDGOALS)" >&2; exit 1; }

.PHONY: toolchain
toolchain: # what cannot be installed from Debian 12 in the versions needed
	@newer() { printf '%s\n' "$$1" "$$2" | sort -CV; }; \
	go=$$({ go env GOVERSION || cd / && go env GOVERSION; } 2>/dev/null) node=$$(node --version 2>/dev/null); \
	newer 1.26 "$${go#go}" || { echo "Go 1.26 or newer is needed, and $${go:-none} is in PATH" >&2; exit 1; }; \
	newer 20.19 "$${node#v}" || { echo "Node.js 20.19 or newer is needed, and $${node:-none} is in PATH" >&2; exit 1; }; \
	[ -w . ] || { echo "$$(id -un) may not write into this folder, and what is built goes into it" >&2; exit 1; }; \
	command -v npm >/dev/null || { echo "npm, which comes with Node.js, is not in PATH" >&2; exit 1; }

.PHONY: build
build: toolchain web $(BINARIES) ## build the programs into build/bin, the console with its pages

$(BIN)/storewardd: $(GO_SOURCES)
	go build -o $@ ./core/cmd/storewardd
$(BIN)/storewardctl: $(GO_SOURCES)
	go build -o $@ ./core/cmd/storewardctl
$(BIN)/storeward-plugins: $(GO_SOURCES)
	go build -o $@ ./plugins/cmd/storeward-plugins
$(BIN)/storeward-console: $(GO_SOURCES) build/web.stamp
	go build -o $@ ./console/cmd/storeward-console
$(BIN)/lab: $(GO_SOURCES) $(shell find tests contrib -name '*.go' 2>/dev/null)
	go build -o $@ ./tests/lab/cmd/lab

.PHONY: web
web: build/web.stamp ## build the console's pages
build/web.stamp: | toolchain
build/web.stamp: $(shell find console/web -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print 2>/dev/null)
	cd console/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build
	@mkdir -p build && touch $@

.PHONY: generate
generate: packages-generate ## make the generated files anew
	@mkdir -p build/tools
	GOBIN=$(CURDIR)/build/tools go install $(PROTOC_GO)
	GOBIN=$(CURDIR)/build/tools go install $(PROTOC_GRPC)
	PATH=$(CURDIR)/build/tools:$$PATH go generate ./core/... ./plugins/... ./mibs/... ./console/...
	cd console/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent generate

##@ Run

.PHONY: demo
demo: root toolchain packages-lab build $(BIN)/lab ## a console, a store, a till and a receiver of traps, until Ctrl-C (or DEMO_SECONDS=n)
	@$(BIN)/lab demo

.PHONY: demo-kill
demo-kill: ## cut the power of the demo's active node (in another terminal)
	@test -x $(BIN)/lab || { echo "make demo-kill: no demo runs: start one with make demo" >&2; exit 1; }
	@$(BIN)/lab demo-kill

##@ Judge

.PHONY: lint
lint: ## formatting, vet and linters (go vet's analyzers are among them)
	go run $(GOLANGCI_LINT) run ./...

.PHONY: fmt
fmt: ## format the Go sources
	go run $(GOFUMPT) -l -w core plugins mibs console tests contrib

.PHONY: test
test: root toolchain test-unit test-web test-sim test-model test-e2e ## install what is missing and run every test, as root (20 minutes)

.PHONY: test-unit
test-unit: packages-lab packages-judges packages-race ## unit tests, scenario files, the SDK's rules for plugins, all with -race
	tests/race.sh $$(go list ./... | grep -v -e /tests/e2e -e /tests/model -e /core/internal/sim)

.PHONY: test-sim
test-sim: ## simulated failures of SEEDS seeds (default 2,000); every operation interrupted at each of its moments
	go test -timeout 8h ./core/internal/sim -seeds $(or $(SEEDS),2000)
	go test -timeout 10m ./core/internal/failover

.PHONY: mutants
mutants: ## rules of the failover policy broken one by one: after how many of SEEDS (default 10,000) the simulation finds each
	go test -count=1 -timeout 8h ./core/internal/sim -run '^TestMutants$$' -v -mutants $(or $(SEEDS),10000)

.PHONY: test-model
test-model: packages-model ## the failover policy's models, everything that four interferences can do
	go test -timeout 10m ./tests/model

.PHONY: model
model: packages-model ## the same with N interferences (default 5); results and counterexamples in build/model
	go test -count=1 -timeout 8h ./tests/model -v -events $(or $(N),5)

.PHONY: test-e2e
test-e2e: root packages-lab packages-judges build $(BIN)/lab ## real nodes in network namespaces, as root
	tests/each.sh -count=1 -timeout 20m -parallel 2 ./tests/e2e

.PHONY: test-web
test-web: build/web.stamp ## the pages' own tests
	cd console/web && npm run --silent check

.PHONY: vuln
vuln: ## known vulnerabilities, where their databases can be reached
	@mkdir -p build && go run $(GOVULNCHECK) -version >/dev/null
	@if go run $(GOVULNCHECK) ./... >build/govulncheck.log 2>&1; then cat build/govulncheck.log; \
	elif grep -q 'Vulnerability #' build/govulncheck.log; then cat build/govulncheck.log; exit 1; \
	else echo "SKIPPED govulncheck: $$(grep -m 1 '^govulncheck:' build/govulncheck.log)"; fi
	@if (cd console/web && npm audit) >build/npm-audit.log 2>&1; then cat build/npm-audit.log; \
	elif grep -q 'severity vulnerabilit' build/npm-audit.log; then cat build/npm-audit.log; exit 1; \
	else echo "SKIPPED npm audit: $$(grep -m 1 error build/npm-audit.log)"; fi

.PHONY: screenshots
screenshots: packages-browser build ## every page in light and dark, into build/screenshots
	tests/screenshots.sh

# WRITE=1 puts the results into tests/bench.
BENCH = go run ./tests/bench/cmd/bench $(if $(WRITE),-write)

.PHONY: bench bench-failover bench-calm bench-beats bench-sim bench-idle
bench: root bench-sim bench-beats bench-calm bench-failover ## our figures beside the peers', one after the other (40 minutes)
bench-failover: root packages-lab packages-bench build ## power cut to first answer of the survivor, the peers beside ours
	$(BENCH) failover
bench-calm: root packages-lab packages-bench build ## no takeover that nobody asked for, under load, the peers beside ours
	$(BENCH) calm
bench-beats: root packages-lab packages-bench build ## how late signs of life leave under load, the peers' beside ours
	$(BENCH) beats
bench-sim: ## simulated events and seeds a second
	$(BENCH) sim
bench-idle: root packages-lab build ## memory and CPU of one node's processes
	$(BENCH) idle

##@ Machine

.PHONY: packages-lab packages-judges packages-bench packages-race packages-model packages-generate packages-browser
packages-lab: ## install the Debian packages that the lab and the demo need
	@tests/lab/install.sh lab
packages-judges: # programs of others that the tests hold ours against
	@tests/lab/install.sh judges
packages-bench: # other products, which the benchmarks measure beside ours
	@tests/lab/install.sh bench
packages-race: # a C compiler: Go's race detector needs cgo
	@tests/lab/install.sh race
packages-model: # spin, and a C compiler for the programs that it writes
	@tests/lab/install.sh model
packages-generate: # what make generate needs
	@tests/lab/install.sh generate
packages-browser: # a headless browser
	@tests/lab/install.sh browser

.PHONY: clean
clean: ## remove what was built
	rm -rf build console/web/node_modules
	find console/web/dist -mindepth 1 -not -name .keep -delete 2>/dev/null || true
