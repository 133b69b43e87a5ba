#!/usr/bin/env bash
# Repeats the experiment behind a figure of README.md: `measure.sh KNOB`, `measure.sh` for the list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --locked --quiet -p tributary-loadgen
exec tools/c1m_measure.py "$@"
