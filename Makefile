# Every target says what it does: `make help`.
SHELL := /bin/bash
GO ?= go
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint
PKGS := ./...
export CGO_ENABLED ?= 1

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: ## quick: format, vet, lint, unit tests (a minute or two)
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet $(PKGS)
	$(LINT) run --allow-parallel-runners
	$(GO) test -short $(PKGS)

.PHONY: test
test: deps ## everything: check, PostgreSQL, npm clients, 100 kills (under 15 minutes)
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet $(PKGS)
	$(LINT) run --allow-parallel-runners
	$(GO) test -timeout 14m -p 3 -parallel 7 $(PKGS) # most tests wait for a process: more of them than processors

.PHONY: deps
deps: ## install what the tests need and the machine lacks (PostgreSQL, Node.js, Chromium)
	@./deploy/test-deps

.PHONY: demo
demo: ## play the story in the terminal
	$(GO) run ./cmd/demo -play

.PHONY: campaign
campaign: ## long: 50,000 estates on the simulated scheduler, 2,000 kills of the real process, 500 schedules of troubles in virtual time; seeds are printed
	ECSBOT_ESTATES=50000 $(GO) test -count=1 -timeout 60m -run 'TestCapacity$$' -v ./bot
	ECSBOT_TROUBLES=500 $(GO) test -count=1 -timeout 20m -run 'TestTrouble$$' -v ./bot
	ECSBOT_KILLS=2000 $(GO) test -count=1 -timeout 85m -run 'TestKill' -v ./bot

.PHONY: bench
bench: deps ## ratios against peers and bounds in one run; figures go to docs/benchmarks.md
	missed=0; for part in ./bot ./cmd/demo; do ECSBOT_BENCH=1 $(GO) test -count=1 -timeout 20m -run 'TestBench' -v $$part || missed=1; done; exit $$missed

.PHONY: golden
golden: deps ## rewrite the golden files of blocks/, and how a browser draws them; read the diff as a screenshot
	$(GO) test ./blocks -update
	$(GO) test -count=1 -timeout 10m -run 'TestCards|TestHostileCard' ./cmd/demo -update

.PHONY: page
page: ## build the playground's bundle from its source (Node.js); it is committed and embedded
	cd sim/page/web && npm ci --no-audit --no-fund && npm run build

.PHONY: pictures
pictures: deps ## remake every picture of README.md and docs/ from the live page; look at the diff
	ECSBOT_PICTURES=1 $(GO) test -count=1 -timeout 10m -run 'TestMakePictures' -v ./cmd/demo

.PHONY: readme
readme: ## rewrite the generated parts of README.md
	$(GO) test ./bot -run TestReadme -update

.PHONY: evidence
evidence: ## rewrite which tests prove each id, in docs/evidence.md
	$(GO) test ./bot -run TestEverythingPromisedIsProven -update

.PHONY: build
build: ## the static binary, as the Dockerfile builds it
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/bot ./cmd/bot
