#!/usr/bin/env bash
# Puts back exactly what apply.sh found: recorded values, and the files that it installed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/knobs.sh"
[ "$(id -u)" -eq 0 ] || die "sysctls are root's to set; try: sudo $0"
before=$state/before
[ -e "$before" ] || die "nothing to put back: $before is not there"
failed=0

# Backwards, since a knob may bound another.
while IFS='=' read -r name value; do
  if echo "$value" > "$(path_of "$name")" 2> /dev/null; then
    say "$name: back to $value"
  else
    say "$name: the kernel will not take $value back" >&2
    failed=1
  fi
done < <(tac "$before")
[ $failed -eq 0 ] || die "the rest is back; $before stays for another try"

if [ -e "$state/files" ]; then
  while IFS= read -r file; do
    rm -f "$file"
    say "removed $file"
  done < "$state/files"
fi
rm -rf "$state"
