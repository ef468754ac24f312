# Two commands do all the set-up: `make demo` and `make test`.
#
# Both use the development profile and one target directory outside the checkout, so that a second clone, and the second
# command, build only what differs. Building tests with the binary keeps the features of dependencies the same for both.

export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spandrel/target
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spandrel/tools
SPANDREL := $(CARGO_TARGET_DIR)/debug/spandrel

# Cargo goes by the times of files, not by where they are: what another checkout has built there is not this one's.
ifneq ($(shell cat $(CARGO_TARGET_DIR)/checkout 2> /dev/null),$(CURDIR))
$(shell mkdir -p $(CARGO_TARGET_DIR) && git ls-files -z '*.rs' | xargs -0 touch && echo $(CURDIR) > $(CARGO_TARGET_DIR)/checkout)
endif

.PHONY: help demo test lint test-rust test-ui test-clients test-gateways test-browser bench score release

help:
	@echo "make demo     build, start a server and a simulated shop, and say where to look"
	@echo "make test     install what the tests need, and run everything"
	@echo "make bench    the benchmarks of benches/ and of the crates"
	@echo "make score    how right the analysis is on simulated systems, into docs/reference/scores.md"
	@echo "make release  the optimised binary"

demo: $(SPANDREL)
	$(SPANDREL) demo

.PHONY: $(SPANDREL)
$(SPANDREL):
	cargo build --locked --workspace --bins --tests

test: lint test-rust test-ui test-clients test-gateways test-browser

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

test-rust:
	cargo test --locked --workspace

test-ui:
	cd ui && npm ci --no-audit --no-fund && npm run check && npm test && npm run generate:check

test-clients: $(SPANDREL)
	tests/clients/run.sh $(SPANDREL) $(TOOLS)

test-gateways: $(SPANDREL)
	tests/gateways/run.sh $(SPANDREL) $(TOOLS)

test-browser: $(SPANDREL)
	tests/browser/run.sh $(SPANDREL)

bench:
	cargo bench --workspace

score:
	cargo run --locked --quiet -p spandrel-score --bin score -- --write docs/reference/scores.md

release:
	cargo build --locked --release
