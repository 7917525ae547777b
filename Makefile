# make run       a station on this machine with a simulated board, a test picture and a test tone
# make test      everything that has to hold: formats, lints, unit tests, the page, a real browser against a station
# make hil       every case on the virtual board: a real kernel in QEMU; prints where the report is. CASE=relay: some of them;
#                DEVICE=devices/simulated.toml: another device of hil-tests/devices
#                HIL_CALLS=1000: more calls in a row than 200
# make bench     the same cases by the code of a bench, on a virtual board that stands on one: see hil-tests/BENCH.md
# make figures   measures a release build and writes firmware/docs/figures.jsonl

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/doorway
export DOORWAY_CACHE := $(CACHE)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export DOORWAY_COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
export PATH := $(CACHE)/tools/bin:$(CACHE)/node/node_modules/.bin:$(PATH)

# The black-box cases, a file a topic.
CASES := harness ring talk door hang_up lifecycle companion hostile camera machine daemon self_test update reconnect first_boot

.PHONY: run test check-rust check-deps check-page unit simulated board hil bench figures install-run install-test

run: install-run
	@echo "run: building (the first time takes some minutes)"
	cargo build --release --locked -p doorwayd
	@echo
	@echo "  the household's page:   http://127.0.0.1:8080/"
	@echo "  the simulated station:  http://127.0.0.1:8080/sim   press its button, and every open page rings"
	@echo
	$(CARGO_TARGET_DIR)/release/doorwayd run --config firmware/simulated.toml

test: install-test check-rust check-deps check-page unit simulated board
	@echo "test: all good"

install-run:
	@.ci/install run

install-test:
	@.ci/install test

check-rust:
	cargo fmt --check
	cargo clippy --workspace --all-targets --features doorway-hil-tests/device --locked -- -D warnings

# Licences and sources of every crate; advisories too where their database is on this machine.
check-deps:
	cargo deny --locked --config .ci/deny.toml check licenses bans sources \
	  $(if $(wildcard $(or $(CARGO_HOME),$(HOME)/.cargo)/advisory-dbs),advisories --disable-fetch)

check-page:
	cd signaling/web && npm ci --no-audit --no-fund --silent && npm run --silent check && npm run --silent lint && npm test --silent

# One selection of packages for every build: with another one cargo unifies features anew and compiles the world again.
unit:
	cargo test --workspace --locked

# The binaries first: a test builds only those of its own package.
HIL := --workspace --locked --features doorway-hil-tests/device

simulated:
	cargo build $(HIL)
	cargo test $(HIL) $(addprefix --test ,$(CASES)) -- --test-threads=1
	HIL_QUICK=1 HIL_DEVICE=devices/simulated.toml cargo test $(HIL) --test board

# The quick half; what takes longer is in `make hil`. Needs root for a network of its own, and is ignored without.
board:
	cargo build $(HIL)
	HIL_QUICK=1 cargo test $(HIL) --test board

hil: install-test
	cargo build $(HIL)
	$(if $(DEVICE),HIL_DEVICE=$(DEVICE)) cargo test $(HIL) --test board -- $(CASE)

bench: install-test
	cargo build $(HIL)
	HIL_DEVICE=devices/bench-on-virtual.toml $(CARGO_TARGET_DIR)/debug/virtual-board cargo test $(HIL) --test board -- $(CASE)

figures: install-test
	cargo build --workspace --release --locked
	$(CARGO_TARGET_DIR)/release/figures > firmware/docs/figures.jsonl
	@cat firmware/docs/figures.jsonl
