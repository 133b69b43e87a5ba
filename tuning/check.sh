#!/usr/bin/env bash
# Compares this host with sysctl.d/60-tributary.conf and changes nothing; exit 1 when a knob differs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/knobs.sh"
differing=0

check() { # check NAME WANTED
  local found
  found=$(read_knob "$1") || found=
  if [ -z "$found" ]; then
    printf '%-8s %-34s not here (a network namespace has no such knob)\n' absent "$1"
  elif [ "$found" = "$2" ]; then
    printf '%-8s %-34s %s\n' ok "$1" "$found"
  elif [ "$1" != net.ipv4.ip_local_port_range ] && is_enough "$found" "$2"; then
    printf '%-8s %-34s %s, more than the %s asked for\n' ok "$1" "$found" "$2"
  else
    printf '%-8s %-34s %s instead of %s\n' differs "$1" "$found" "$2"
    differing=$((differing + 1))
  fi
}

each_knob check
tributary=$(command -v tributary || echo "$here/../target/release/tributary")
if [ -x "$tributary" ]; then
  echo
  "$tributary" doctor ${1:+--connections "$1"} || true
fi
[ $differing -eq 0 ]
