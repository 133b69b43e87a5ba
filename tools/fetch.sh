#!/usr/bin/env bash
# Fetches what the tests need beyond Debian's packages; each is kept and fetched once.
#
#     tools/fetch.sh kafka    the jars of Apache Kafka, from Maven Central
#     tools/fetch.sh python   paho-mqtt in a virtual environment
#     tools/fetch.sh node     MQTT.js
#     tools/fetch.sh deny     cargo-deny, built from crates.io in three to four minutes on two cores
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/cache.sh
stock=gateway/tests/stock

# fresh MARK FILE: whether MARK was left by a fetch of this very FILE.
fresh() { cmp -s "$1" "$2"; }

case ${1:-} in
  kafka)
    gateway/tests/kafka/kafka-node.sh jars ;;
  python)
    fresh "$stock_python/requirements.txt" $stock/requirements.txt && exit
    rm -rf "$stock_python"
    python3 -m venv "$stock_python"
    "$stock_python/bin/pip" install --quiet --disable-pip-version-check -r $stock/requirements.txt
    cp $stock/requirements.txt "$stock_python/requirements.txt" ;;
  node)
    fresh "$stock_node/.fetched" $stock/package.json && exit
    rm -rf "$stock_node"
    mkdir -p "$stock_node"
    cp $stock/package.json "$stock_node/"
    (cd "$stock_node" && npm install --silent --no-audit --no-fund)
    cp $stock/package.json "$stock_node/.fetched" ;;
  deny)
    [ -x "$cargo_deny/bin/cargo-deny" ] && exit
    # A folder of its own: it must not wait for the lock of the build that goes on beside it.
    CARGO_TARGET_DIR=$cache/cargo-deny-build \
      cargo install --quiet --locked --version $cargo_deny_version --root "$cargo_deny" cargo-deny
    rm -rf "$cache/cargo-deny-build" ;;
  *)
    echo "usage: tools/fetch.sh kafka | python | node | deny" >&2
    exit 2 ;;
esac
