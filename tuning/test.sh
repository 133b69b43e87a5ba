#!/usr/bin/env bash
# Tries check, apply and revert in a network namespace of its own: one PASS or FAIL line each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
if [ "${1:-}" != inside ]; then
  if [ "$(id -u)" -ne 0 ] || ! unshare --net true 2> /dev/null; then
    echo "SKIPPED: a network namespace takes root"
    exit 0
  fi
  exec unshare --net "$PWD/test.sh" inside
fi
TRIBUTARY_TUNING_STATE=$(mktemp -d)/state
export TRIBUTARY_TUNING_STATE
trap 'rm -rf "$(dirname "$TRIBUTARY_TUNING_STATE")"' EXIT
. ./knobs.sh
# The host's own knobs are not ours to turn in a test.
own=$(mktemp)
grep -E '^net\.' "$conf" | grep -v tcp_mem > "$own"
conf=$own
failed=0

verdict() { # verdict SENTENCE COMMAND...
  local sentence=$1
  shift
  if "$@" > /dev/null 2>&1; then echo "PASS $sentence"; else echo "FAIL $sentence"; failed=1; fi
}
all_knobs() { each_knob one_knob; }
one_knob() { echo "$1=$(read_knob "$1")"; }
run() { TRIBUTARY_TUNING_CONF=$own "./$@"; }
fails() { ! "$@"; }
same() { [ "$1" = "$2" ]; }

was=$(all_knobs)
verdict "a fresh namespace differs, and check says so" fails run check.sh
verdict "check changes nothing" same "$was" "$(all_knobs)"
verdict "apply works" run apply.sh
verdict "after apply check is content" run check.sh
applied=$(all_knobs)
verdict "apply has changed something" fails same "$was" "$applied"
verdict "a second apply changes nothing" run apply.sh
verdict "and nothing it was" same "$applied" "$(all_knobs)"
verdict "revert works" run revert.sh
verdict "revert puts back exactly what was" same "$was" "$(all_knobs)"
verdict "a second revert has nothing to put back" fails run revert.sh
if command -v nft > /dev/null; then
  verdict "the notrack rules load" nft -f nft/notrack.nft
  verdict "and load again" nft -f nft/notrack.nft
  verdict "and go" nft delete table inet tributary_notrack
else
  echo "SKIPPED: no nft here, so that the notrack rules were not tried"
fi
rm -f "$own"
exit $failed
