#!/usr/bin/env bash
# The demonstration: devices publish through the gateway into an embedded Kafka, and a reader of
# that Kafka says whether everything acknowledged is there. Everything it starts ends with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

clients=${DEMO_CLIENTS:-10000} rate=${DEMO_RATE:-10000} secs=${DEMO_SECS:-15}
tributary=target/release/tributary
loadgen=target/release/tributary-loadgen
folder=$(mktemp -d)
: > "$folder/gateway.out"
gateway='' verify=''

clean_up() {
  local pid
  for pid in $verify $gateway; do kill -KILL "$pid" 2> /dev/null || true; done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# wait_for SECONDS COMMAND...: asks again until the command is content.
wait_for() {
  local tries=$(($1 * 10))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.1
  done
}
address() {
  awk -v what="$1" '$1 == "listening" && $2 == what { print $3; exit }' "$folder/gateway.out"
}
gateway_is_up() {
  grep -qx ready "$folder/gateway.out" && return
  kill -0 "$gateway" 2> /dev/null || { cat "$folder/gateway.err" >&2; exit 1; }
  return 1
}

# Each client is one descriptor in the load generator, and one in the gateway.
ulimit -n "$(ulimit -Hn)"
room=$(ulimit -n)
if [ "$room" != unlimited ] && [ $((clients + 500)) -gt "$room" ]; then
  clients=$((room - 500))
  echo "demo: the hard limit of open files is $room here (ulimit -Hn): $clients clients instead"
fi

echo "demo: building (the first time takes some minutes)"
cargo build --release --locked --quiet -p tributary -p tributary-loadgen

"$tributary" run --listen 127.0.0.1:0 --control 127.0.0.1:0 \
  > "$folder/gateway.out" 2> "$folder/gateway.err" < /dev/null &
gateway=$!
wait_for 60 gateway_is_up || { echo "demo: the gateway did not get ready" >&2; exit 1; }
mqtt=$(address mqtt) control=$(address control) kafka=$(address kafka)
echo "demo: gateway $mqtt, metrics http://$control/metrics, embedded Kafka $kafka"
echo "demo: $clients clients publish $rate messages per second for $secs seconds at QoS 1"

run=demo-$$
ledger=$folder/ledger
# The embedded Kafka keeps about 5 MiB per partition, so the reader reads along.
(
  wait_for 60 test -e "$ledger" || exit 1
  exec "$loadgen" verify --kafka "$kafka" --topic mqtt --run "$run" --ledger "$ledger" --follow
) > "$folder/verify.out" 2>&1 < /dev/null &
verify=$!
published=0
"$loadgen" publish --target "$mqtt" --clients "$clients" --rate "$rate" --qos 1 \
  --duration "$secs" --payload 64 --run "$run" --ledger "$ledger" --server-pid "$gateway" \
  < /dev/null || published=$?
verified=0
wait "$verify" || verified=$?
verify=''
cat "$folder/verify.out"

kill -TERM "$gateway"
drained=0
wait "$gateway" || drained=$?
gateway=''
if [ $published -ne 0 ] || [ $verified -ne 0 ] || [ $drained -ne 0 ]; then
  tail -n 20 "$folder/gateway.err" >&2
  echo "demo: failed (publish $published, verify $verified, gateway $drained)" >&2
  exit 1
fi

cat <<TEXT

demo: everything that was acknowledged is in Kafka. By hand, in three terminals:

    $tributary                                  # says where its embedded Kafka listens
    kcat -C -b HOST:PORT -t mqtt -f '%k %h %s\\n'              # HOST:PORT from \`listening kafka\`
    mosquitto_pub -p 1883 -i device1 -q 1 -t dev/device1/telemetry -m hello

sudo apt-get install kcat mosquitto-clients brings the two; for a Kafka of your own:

    $tributary --kafka HOST:PORT
TEXT
