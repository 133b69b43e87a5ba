#!/usr/bin/env bash
# Sets the knobs of sysctl.d/60-tributary.conf and records what was before, for revert.sh.
#
#     apply.sh            until the next boot, in this network namespace
#     apply.sh --keep     also for the boots after it: files in /etc/sysctl.d and limits.d
#
# Values that are higher already stay. Nothing is set twice: a second run changes nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/knobs.sh"
[ "$(id -u)" -eq 0 ] || die "sysctls are root's to set; try: sudo $0 $*"
case ${1:-} in ''|--keep) ;; *) die "usage: apply.sh [--keep]" ;; esac
mkdir -p "$state"
before=$state/before
touch "$before"

apply() { # apply NAME WANTED
  local found
  found=$(read_knob "$1") || found=
  if [ -z "$found" ]; then
    say "no $1 here"
  elif [ "$found" = "$2" ]; then
    say "$1 is $2 already"
  elif [ "$1" != net.ipv4.ip_local_port_range ] && is_enough "$found" "$2"; then
    say "$1 is $found, more than $2: left"
  else
    # Only the first value seen is the one from before.
    grep -q "^$1=" "$before" || echo "$1=$found" >> "$before"
    if echo "$2" > "$(path_of "$1")" 2> /dev/null; then
      say "$1: $found -> $2"
    else
      say "$1: the kernel will not have it, still $found"
    fi
  fi
}

keep() { # keep SOURCE TARGET
  if [ -e "$2" ] && ! grep -qx "$2" "$state/files" 2> /dev/null; then
    say "$2 is there and not from here: left"
    return
  fi
  install -D -m 644 "$1" "$2"
  grep -qx "$2" "$state/files" 2> /dev/null || echo "$2" >> "$state/files"
  say "installed $2"
}

each_knob apply
if [ "${1:-}" = --keep ]; then
  keep "$conf" /etc/sysctl.d/60-tributary.conf
  keep "$here/limits.d/60-tributary.conf" /etc/security/limits.d/60-tributary.conf
fi
say "revert.sh puts back what stands in $before"
