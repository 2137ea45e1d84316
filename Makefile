# Thin on purpose: every target is a chore of xtask/ (see `cargo xtask --help`).
#
# `make up` on a fresh machine sets up all that is needed, says first how long that takes, and ends with a running landscape.

CARGO := $(shell command -v cargo 2>/dev/null || echo "$(HOME)/.cargo/bin/cargo")

.PHONY: up down test bench upstream test-cgroup2

up: toolchain
	@$(CARGO) xtask up

down: toolchain
	@$${CARGO_TARGET_DIR:-target}/release/kubeception down

test: toolchain
	@$(CARGO) xtask test

bench: toolchain
	@$(CARGO) xtask bench

upstream: toolchain
	@$(CARGO) xtask upstream

# By hand, as root, with qemu-system-x86: a quarter of an hour without KVM.
test-cgroup2: toolchain
	@$(CARGO) xtask test-cgroup2

.PHONY: toolchain
toolchain:
	@test -x "$(CARGO)" || { echo "Rust 1.95 or later is needed: see https://rustup.rs" >&2; exit 1; }
