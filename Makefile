# graygate. `make help` lists the targets. Needs Go and make; the race detector also needs a C compiler.

GO        ?= go
CONFIG    ?= examples/quickstart.yaml
PREFIX    ?= /usr/local
DESTDIR   ?=
FUZZTIME  ?= 30s
PAIRS     ?= 1000000
SEEDS     ?= 2
# auto: with -race where a C compiler is there, without it (and said so, twice) where none is. required: fail then.
RACE      ?= auto
# TESTFLAGS reaches `go test` as it is: make test TESTFLAGS='-run Bucket -count=1'
TESTFLAGS ?=
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

GOFMT    = "$$($(GO) env GOROOT)/bin/gofmt"
LDFLAGS  = -s -w -X main.version=$(VERSION)
HAS_CC   = [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null 2>&1

.DEFAULT_GOAL := help
.PHONY: help run build test lint fmt-check vet staticcheck tidy race-notice fuzz chaos bench bench-match bench-heal bench-observe install uninstall check-scripts screenshots browser-tools clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## build, then two stable and one gray demo backend with the gateway before them, on 127.0.0.1:8080
	@exec bin/graygate demo -c $(CONFIG)

build: ## bin/graygate, a static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/graygate ./cmd/graygate

test: lint race-notice ## everything a change has to pass: lint, then all tests with the race detector
	@if $(HAS_CC); then race=-race; else race=; fi; \
	$(GO) test $$race -timeout 10m $(TESTFLAGS) ./...; status=$$?; \
	if [ -z "$$race" ]; then echo 'make test: the tests above ran WITHOUT the race detector, because there is no C compiler.' >&2; fi; \
	exit $$status

# A warning before and after, not an error: a fresh machine with nothing but Go and make still gets an answer.
race-notice:
	@if $(HAS_CC); then exit 0; fi; \
	echo 'make test: no C compiler, so no race detector (-race needs cgo). Install one:' >&2; \
	echo '    apt-get install gcc libc6-dev   |   dnf install gcc glibc-devel   |   apk add gcc musl-dev' >&2; \
	if [ '$(RACE)' = required ]; then echo 'make test: RACE=required, so this is an error.' >&2; exit 1; fi

lint: fmt-check vet staticcheck tidy ## formatting, vet, static analysis, go.mod

fmt-check: ## fails on files that gofmt would change
	@out=$$($(GOFMT) -l .) || exit 1; \
	if [ -n "$$out" ]; then echo 'gofmt would change (mend with `go fmt ./...`):' >&2; echo "$$out" >&2; exit 1; fi

vet: ## go vet
	@$(GO) vet ./...

staticcheck: ## staticcheck, at the version that go.mod pins
	@$(GO) tool staticcheck ./...

tidy: ## fails if `go mod tidy` would change go.mod or go.sum
	@for module in . perf/cel; do (cd $$module && $(GO) mod tidy -diff) || { echo "$$module/go.mod is not tidy: run \`go mod tidy\` there" >&2; exit 1; }; done

fuzz: ## a million random decisions against each of three oracles, then every fuzz target for FUZZTIME (30s)
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' PAIRS='$(PAIRS)' sh scripts/fuzz.sh

chaos: ## the fault lab, minutes long, with the luck of SEEDS runs (2); writes perf/results/chaos.json
	@$(GO) test ./internal/faultlab -run '^TestScenarios$$' -count=1 -timeout 2h -v -args -long -seeds '$(SEEDS)' -results '$(CURDIR)/perf/results/chaos.json'

bench: ## graygate, nginx and HAProxy side by side; writes perf/results/proxy.json
	@$(GO) run ./perf/bench proxy

bench-observe: ## metrics, spans and an access log against none of them, and what a scrape costs; writes perf/results/observe.json
	@$(GO) run ./perf/bench observe

bench-match: ## conditions, rules and experiments beside expr's machine and cel-go; writes perf/results/match.json
	@$(GO) run ./perf/bench match

bench-heal: ## what breakers, retries, probes and limits cost; writes perf/results/heal.json
	@$(GO) run ./perf/bench heal

install: build ## binary, example config, systemd unit, user (PREFIX, DESTDIR)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh scripts/install.sh

uninstall: ## takes away what install put there, except the config
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh scripts/install.sh --uninstall

check-scripts: ## shellcheck over the scripts, systemd-analyze over the unit
	@sh scripts/check.sh

screenshots: browser-tools ## the pictures of the console, docs/images/console-*.png; needs node, npm and chromium
	@mkdir -p docs/images
	@REQUIRE_BROWSER=1 $(GO) test ./admin/ui -run '^TestScreenshots$$' -count=1 -timeout 10m -args -screenshots='$(CURDIR)/docs/images'

# What the browser test needs beside node and chromium: bin/console. Not in the source tree, whose every file is looked at by tests.
browser-tools: ## what the test of the console in a browser needs, from npm; needs node and npm
	@mkdir -p bin/console && cp admin/ui/test/package.json admin/ui/test/package-lock.json bin/console/
	@cd bin/console && npm ci --ignore-scripts --no-audit --no-fund --silent

clean: ## takes away bin/
	@rm -rf bin
