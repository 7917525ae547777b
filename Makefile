# make run       a station on this machine with a simulated board, a test picture and a test tone
# make test      everything that has to hold: formats, lints, unit tests, the page, a real browser against a station
# make hil       every case on the virtual board, a real kernel in QEMU, and those of a flashed card on the device image; prints
#                where the reports are. CASE=relay: some of them; DEVICE=devices/simulated.toml: another device of hil-tests/devices
#                HIL_CALLS=1000: more calls in a row than 200
# make bench     the same cases by the code of a bench, on a virtual board that stands on one: see hil-tests/BENCH.md
# make image     a device image from Debian's packages: MACHINE=raspberrypi4-64 or another of yocto/debian/machines; KEYS=FOLDER:
#                for production, see yocto/README.md. Takes root, and some minutes once the daemon is built
# make figures   measures a release build and writes firmware/docs/figures.jsonl and the tables of figures.md

CACHE ?= $(or $(DOORWAY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/doorway)
export DOORWAY_CACHE := $(CACHE)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export DOORWAY_COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
export PATH := $(CACHE)/tools/bin:$(CACHE)/node/node_modules/.bin:$(PATH)

# The black-box cases, a file a topic.
CASES := harness ring talk door hang_up lifecycle companion foreign hostile camera machine daemon self_test update reconnect network first_boot

.PHONY: run test check-rust check-deps check-page check-yocto unit simulated board hil hil-card bench image figures install-run install-test

run: install-run
	@echo "run: building (the first time takes some minutes)"
	cargo build --release --locked -p doorwayd
	@echo
	@echo "  the household's page:   http://127.0.0.1:8080/"
	@echo "  the simulated station:  http://127.0.0.1:8080/sim   press its button, and every open page rings"
	@echo
	$(CARGO_TARGET_DIR)/release/doorwayd run --config firmware/simulated.toml

test: install-test check-rust check-deps check-page check-yocto unit simulated board
	@$(if $(ADVISORIES),,echo 'test: $(subst ','"'"',$(NOT_LOOKED_UP))')
	@echo "test: all good"

install-run:
	@.ci/install run

install-test:
	@.ci/install test

check-rust:
	cargo fmt --check
	cargo clippy --workspace --all-targets --features doorway-hil-tests/device --locked -- -D warnings

# Licences and sources of every crate. RustSec's database is in no package registry, so advisories are looked up where somebody has
# brought it (`cargo deny fetch db`), and else it is said that nobody looked.
ADVISORIES := $(wildcard $(or $(CARGO_HOME),$(HOME)/.cargo)/advisory-dbs)
NOT_LOOKED_UP := $(if $(ADVISORIES),,ADVISORIES WERE NOT LOOKED UP: RustSec's database is not on this machine (`cargo deny fetch db` gets it))

check-deps:
	cargo deny --locked --config .ci/deny.toml check licenses bans sources $(if $(ADVISORIES),advisories --disable-fetch)
	@$(if $(ADVISORIES),,echo 'check-deps: $(subst ','"'"',$(NOT_LOOKED_UP))')

check-page:
	cd signaling/web && npm ci --no-audit --no-fund --silent && npm run --silent check && npm run --silent lint && npm test --silent

# What the package registries are enough for; what takes the layers is yocto/check-layers.
check-yocto:
	yocto/check

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

# The virtual board's cases, then those that take a card.
hil: install-test
	cargo build $(HIL)
ifdef DEVICE
	HIL_DEVICE=$(DEVICE) cargo test $(HIL) --test board -- $(CASE)
else
	cargo test $(HIL) --test board -- $(CASE)
	$(MAKE) hil-card
endif

hil-card:
	HIL_TOPICS=provision,update HIL_DEVICE=devices/flashed-qemuarm64.toml cargo test $(HIL) --test board -- $(CASE)

MACHINE ?= raspberrypi4-64
image: install-run
	yocto/debian/build $(MACHINE) $(if $(KEYS),--keys $(KEYS)) $(if $(QUICK),--quick)

bench: install-test
	cargo build $(HIL)
	HIL_DEVICE=devices/bench-on-virtual.toml $(CARGO_TARGET_DIR)/debug/virtual-board cargo test $(HIL) --test board -- $(CASE)

figures: install-test
	@git diff --quiet HEAD || { echo "commit first: figures name the commit that they are of" >&2; exit 1; }
	cargo build --workspace --release --locked
	$(CARGO_TARGET_DIR)/release/figures > firmware/docs/figures.jsonl
	$(CARGO_TARGET_DIR)/release/figures --fill firmware/docs/figures.jsonl firmware/docs/figures.md
	@cat firmware/docs/figures.jsonl
