#!/usr/bin/env bash
# Builds every fuzz target and runs each for some seconds: run.sh [SECONDS_PER_TARGET].
# Exits with 1 when one of them finds something; the input is then left in artifacts/.
#
# No nightly compiler and no cargo-fuzz: the coverage counters that libFuzzer steers by come from
# an LLVM pass that the stable compiler can be asked to run. --target keeps those flags away from
# build scripts, which are not linked with libFuzzer.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-10}"

counters="-Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    counters+=" -Cllvm-args=-sanitizer-coverage-$option"
done
host="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="$counters --cfg fuzzing" cargo build --release --locked --bins --target "$host"

failed=0
for source in targets/*.rs; do
    target="$(basename "$source" .rs)"
    mkdir -p "corpus/$target" "artifacts/$target"
    log="artifacts/$target/log"
    echo "fuzz $target: $seconds seconds"
    if "target/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -dict=mqtt.dict -artifact_prefix="artifacts/$target/" "corpus/$target" >"$log" 2>&1 &&
        ! grep -q 'no interesting inputs' "$log"; then
        tail -n 1 "$log"
    else
        tail -n 40 "$log"
        echo "fuzz $target: FAILED" >&2
        failed=1
    fi
done
exit "$failed"
