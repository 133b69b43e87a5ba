#!/usr/bin/env bash
# Runs every check of the project and counts; `make test` calls it after tools/setup.sh.
#
# A step's output goes to target/test-logs/STEP.log, its tail to the terminal when it fails. Steps
# that neither fight for the cores nor for ports run side by side.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/cache.sh
. tools/steps.sh

export CARGO_TERM_COLOR=never RUST_BACKTRACE=0
release=(--release --locked)
gateway=$PWD/target/release/tributary
kafka_node=gateway/tests/kafka/kafka-node.sh

fuzz() { gateway/proto/fuzz/run.sh 10; }
rustdoc() { RUSTDOCFLAGS="-D warnings" cargo doc "${release[@]}" --workspace --no-deps; }

# What is pure or small runs with debug assertions, what moves traffic as it is shipped.
tests_debug() {
  cargo test --locked --no-fail-fast -p tributary-proto -p tributary-ring -p tributary-spool \
    -p tributary-tls -p tributary-transport
}
# One selection of packages throughout: another one would unify features differently and build the
# dependencies again.
tests_release() {
  local target targets=()
  shopt -s nullglob
  for target in gateway/tests/*.rs gateway/tests/*/main.rs loadgen/tests/*.rs; do
    target=${target%/main.rs}
    target=$(basename "${target%.rs}")
    [ "$target" = hazards ] || targets+=(--test "$target")
  done
  cargo test "${release[@]}" --no-fail-fast --workspace --exclude tributary-proto \
    --exclude tributary-ring --lib --bins "${targets[@]}"
}
tests_hazards() {
  cargo test "${release[@]}" --no-fail-fast --workspace --exclude tributary-proto \
    --exclude tributary-ring --test hazards
}

deny() {
  local deny=$cargo_deny/bin/cargo-deny
  if [ ! -x "$deny" ]; then
    echo "cargo-deny could not be installed, see fetch-deny.log"
    return 1
  fi
  "$deny" --locked check licenses bans sources || return 1
  if timeout 60 "$deny" --locked fetch db > target/test-logs/advisory-db.log 2>&1; then
    "$deny" --locked check --disable-fetch advisories
  else
    echo "advisories: not checked, their database cannot be reached from here"
  fi
}

stock() { # stock kafka|embedded
  local where=(--embedded) code
  if [ "$1" = kafka ]; then
    export KAFKA_NODE_DIR=$PWD/target/tmp/stock-kafka KAFKA_PORT=19292
    "$kafka_node" clean
    "$kafka_node" start && "$kafka_node" create mqtt 12 || return 1
    where=(--kafka 127.0.0.1:$KAFKA_PORT)
  fi
  STOCK_NODE=$stock_node "$stock_python/bin/python" gateway/tests/stock/to_kafka.py \
    --gateway "$gateway" "${where[@]}" --jars "$("$kafka_node" jars)" --logs target/test-logs
  code=$?
  [ "$1" = kafka ] && "$kafka_node" clean
  return $code
}

stock_clients() { # stock_clients LOGS [--durable]
  gateway/tests/stock/run.py --gateway "$gateway" --logs "target/test-logs/$1" "${@:2}"
}

balancers() {
  "$stock_python/bin/python" gateway/tests/stock/balancers.py --gateway "$gateway" \
    --logs target/test-logs
}

# A test that was ended from outside leaves its Kafka behind: end those that lie in our own folder.
end_stray_kafkas() {
  local folder
  for folder in target/tmp/kafka-*/ target/tmp/stock-kafka/ target/chaos/kafka/; do
    [ -d "$folder" ] && KAFKA_NODE_DIR=$folder "$kafka_node" clean
  done
}
trap 'end_steps; end_stray_kafkas' EXIT
trap 'exit 130' INT TERM

for what in kafka python node golang java rumqttc deny; do begin "fetch-$what" tools/fetch.sh $what; done
step fmt            cargo fmt --all --check
step build          cargo build "${release[@]}" --workspace
step build-tests    cargo test "${release[@]}" --no-run --workspace --exclude tributary-proto \
  --exclude tributary-ring --lib --bins --tests
step clippy         cargo clippy "${release[@]}" --workspace --all-targets -- -D warnings
step rustdoc        rustdoc
step tests-debug    tests_debug
step tests-release  tests_release
finish fetch-kafka fetch-python fetch-node fetch-golang fetch-java fetch-rumqttc
begin hazards       tests_hazards
step stock-kafka    stock kafka
step stock-embedded stock embedded
step stock-clients  stock_clients clients
step stock-durable  stock_clients durable --durable
step balancers      balancers
step unit           tools/unit.py --gateway "$gateway"
step scram          python3 gateway/tests/stock/scram.py --gateway "$gateway"
finish hazards
begin chaos         tools/chaos.py --minutes 2
step demo-small     env DEMO_CLIENTS=1000 DEMO_RATE=2000 DEMO_SECS=5 tools/demo.sh
step c1m-50000      tools/c1m.py --connections 50000 --hold 2 --force --check --out target/c1m-50000 \
  --only subscribed storm-reset storm-kill
finish fetch-deny
begin deny          deny
step fuzz           fuzz
finish deny
step conformance    tools/conformance.py
finish chaos
summary
