#!/usr/bin/env bash
# Fetches what the tests need beyond Debian's packages; each is kept and fetched once.
#
#     tools/fetch.sh kafka    the jars of Apache Kafka, from Maven Central
#     tools/fetch.sh python   paho-mqtt and aiomqtt in a virtual environment
#     tools/fetch.sh node     MQTT.js
#     tools/fetch.sh golang   paho.mqtt.golang and the program that uses it
#     tools/fetch.sh rumqttc  the same for Rust; a crate of its own, so that no build of ours has it
#     tools/fetch.sh java     the jars of HiveMQ's client and Paho's, and the classes that use them
#     tools/fetch.sh deny     cargo-deny, built from crates.io in three to four minutes on two cores
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/cache.sh
stock=gateway/tests/stock

# fresh MARK FILE: whether MARK was left by a fetch of this very FILE.
fresh() { cmp -s "$1" "$2"; }

# A second caller waits for the first one and finds its work done.
mkdir -p "$cache"
exec 9> "$cache/fetch-${1:-}.lock"
flock 9

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
    if ! fresh "$stock_node/.fetched" $stock/package.json; then
      rm -rf "$stock_node"
      mkdir -p "$stock_node"
      cp $stock/package.json "$stock_node/"
      (cd "$stock_node" && npm install --silent --no-audit --no-fund)
      cp $stock/package.json "$stock_node/.fetched"
    fi
    # Node looks for packages from a program's own place upwards: it runs beside node_modules.
    mkdir -p "$stock_node/scenarios"
    cp $stock/scenarios/*.mjs "$stock_node/scenarios/" ;;
  golang)
    mkdir -p "$stock_golang"
    (cd $stock/scenarios/golang && go build -mod=readonly -o "$stock_golang/stock-golang" .) ;;
  rumqttc)
    CARGO_TARGET_DIR=$stock_rumqttc \
      cargo build --quiet --locked --release --manifest-path $stock/scenarios/rumqttc/Cargo.toml ;;
  java)
    java=$stock/scenarios/java
    if ! fresh "$stock_java/pom.xml" $java/pom.xml; then
      rm -rf "$stock_java"
      mvn -q -B -f $java/pom.xml dependency:copy-dependencies -DoutputDirectory="$stock_java/jars" >&2
      cp $java/pom.xml "$stock_java/pom.xml"
    fi
    cat $java/*.java > "$stock_java/sources.new"
    fresh "$stock_java/sources" "$stock_java/sources.new" && exit
    javac -Xlint:all,-try -Werror -cp "$stock_java/jars/*" -d "$stock_java/classes" $java/*.java
    mv "$stock_java/sources.new" "$stock_java/sources" ;;
  deny)
    [ -x "$cargo_deny/bin/cargo-deny" ] && exit
    # A folder of its own: it must not wait for the lock of the build that goes on beside it.
    CARGO_TARGET_DIR=$cache/cargo-deny-build \
      cargo install --quiet --locked --version $cargo_deny_version --root "$cargo_deny" cargo-deny
    rm -rf "$cache/cargo-deny-build" ;;
  *)
    echo "usage: tools/fetch.sh kafka | python | node | golang | rumqttc | java | deny" >&2
    exit 2 ;;
esac
