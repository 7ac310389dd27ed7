# Shortcuts for the scripts in .ci, which also work without make.

.DEFAULT_GOAL := help
.PHONY: help check test race fuzz bench cover lint api hooks release

VERSION ?= 0.1.0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## everything CI runs (about a quarter of an hour)
	bash .ci/run

test: ## all tests (about two minutes)
	bash .ci/run test

race: ## all tests with the race detector
	bash .ci/run race

lint: ## formatting, vet, staticcheck, golangci-lint and the prose check
	bash .ci/run gofmt vet staticcheck golangci-lint prose

fuzz: ## two seconds of every fuzz target; FUZZ_TIME=1m for longer
	bash .ci/run fuzz

bench: ## the benchmark module: its tests and a short sweep
	bash .ci/run bench

cover: ## statement coverage of all tests, in cover.out and as a list by function
	bash .ci/run cover

api: ## regenerate the list of the exported API in api/
	go generate ./internal/apilist

release: ## archives, packages, image, bills of materials and checksums in dist/; VERSION=0.1.0
	rm -rf dist
	cd release && go run . build --version "$(VERSION)" --out ../dist

hooks: ## install the pre-commit hook of this repository
	git config core.hooksPath .githooks
