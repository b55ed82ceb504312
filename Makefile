# The words that the README, CONTRIBUTING and CI use. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up down clean test test-all test-openapi bench fmt

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

up: ## build, start and fill this checkout's own Postgres and HTTP front
	@scripts/up

down: ## stop them; the data stays
	@scripts/down

clean: ## stop them and remove everything that was made
	@scripts/clean

test: ## formatting, lints, core, in Postgres, end to end
	@scripts/test

test-all: ## the tests inside Postgres on every version to be had, 15 to 18
	@scripts/test-all

test-openapi: ## the auth API against its description, at length
	@scripts/test-openapi

bench: ## the measured comparisons
	@scripts/bench

fmt: ## format the sources
	@cargo fmt --all
