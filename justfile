# `just` lists what there is; `just check` is what CI runs (.ci/run, which needs no just).

_list:
    @just --list

# format, lints, docs, tests, generated pages
check: format lint doc test

# every file formatted as rustfmt.toml says
format:
    cargo fmt --all --check

# no warning anywhere
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# the documentation builds without a warning
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# all tests; one of them checks that docs/reference is fresh
test:
    cargo test --workspace

# write docs/reference anew after a key or a column has changed
reference:
    cargo run --release -- explain --all --out docs/reference

# the picture of the README
quickstart:
    cargo run --release -- sweep sweeps/quickstart.toml

# kernels, layers and float networks, one by one
bench:
    cargo bench -p ohmic-numerics -p ohmic-network -p ohmic-execution --benches

# every figure against what this machine can do, written to a folder of docs/bench
bench-table folder:
    cargo run --release -- bench --out docs/bench/{{folder}}
