# make demo    build the compiler, build and run a program that uses a library with C sources
# make test    all tests
# make bench   measure against the tools one would otherwise use
# make soak    the runtime under sanitizers, then for MINUTES=60 what is promised of C code in full size, libraries and
#              a mixed load of tasks under stress
# make nightly PROGRAMS random programs at every level, MUTATIONS damaged ones through the front end and as many damaged archives,
#              manifests, lock files and indexes, other ones each day; SEED=n repeats those of a report
# make fuzz    the front end and the readers of packages under a coverage-guided fuzzer, which share MINUTES
#
# Everything else goes through cargo. What is missing on the machine is installed through apt first.

# LLVM linked into the compiler starts twice as fast as the shared library. DYNAMIC=1 saves the long link.
ifdef DYNAMIC
RELEASE = --release
else
RELEASE = --release --no-default-features --features static-llvm
endif
MINUTES ?= 60
PROGRAMS ?= 10000
MUTATIONS ?= 100000
SEED ?= $(shell date +%Y%m%d)00000
# Some tests wait, for servers that are silent or disks: others run meanwhile.
export RUST_TEST_THREADS ?= $(shell expr 2 '*' $$(nproc))

.PHONY: demo test test-cargo test-libraries test-upstream bench soak nightly fuzz release tools

demo: release
	@examples/demo

# Each part runs although an earlier one failed; the outcome is that of all.
test: tools
	@status=0; \
	for part in test-cargo test-libraries test-upstream; do \
		$(MAKE) --no-print-directory $$part || status=1; \
	done; \
	exit $$status

# One package after the other: together, features that only loom wants would make another rustls, ureq and coexc, which no
# other command can use.
test-cargo:
	@status=0; \
	for package in coexc coex-runtime; do \
		cargo test --package $$package --no-fail-fast || status=1; \
	done; \
	exit $$status

test-libraries:
	cargo build --quiet
	COEXC=target/debug/coexc COEX=target/debug/coex lib-examples/run-tests

test-upstream:
	cargo build --quiet
	COEXC=target/debug/coexc COEX=target/debug/coex lib-examples/run-tests --upstream

bench: release
	@.ci/install-tools bench
	@benches/run

soak: release
	@tests/sanitizers/run
	@benches/soak $(MINUTES)

nightly: tools
	@echo "seed $(SEED)"
	COEX_SEED=$(SEED) COEX_PROGRAMS=$(PROGRAMS) COEX_MUTATIONS=$(MUTATIONS) \
		cargo test --test suite -- random_programs hostile_text hostile_packages

fuzz: tools
	@fuzz/run $(MINUTES)

release: tools
	@cargo build $(RELEASE)

tools:
	@.ci/install-tools
