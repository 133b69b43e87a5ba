# The knobs of sysctl.d/60-tributary.conf as the other scripts read them.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
conf=${TRIBUTARY_TUNING_CONF:-$here/sysctl.d/60-tributary.conf}
state=${TRIBUTARY_TUNING_STATE:-/var/lib/tributary-tuning}

say() { echo "tuning: $*"; }
die() { echo "tuning: $*" >&2; exit 1; }

# each_knob COMMAND...: calls it with name and value of every knob.
each_knob() {
  local line name value
  while IFS= read -r line; do
    case $line in ''|'#'*) continue ;; esac
    name=${line%%=*} value=${line#*=}
    "$@" "$(echo "$name" | xargs)" "$(echo "$value" | xargs)"
  done < "$conf"
}

path_of() { echo "/proc/sys/${1//./\/}"; }

# read_knob NAME: its value with single spaces, or nothing where there is no such knob.
read_knob() {
  local path
  path=$(path_of "$1")
  [ -r "$path" ] && xargs < "$path"
}

# is_enough FOUND WANTED: whether each number is at least the one wanted, so that nothing is to be done.
is_enough() {
  local found wanted i
  read -ra found <<< "$1"
  read -ra wanted <<< "$2"
  [ ${#found[@]} -eq ${#wanted[@]} ] || return 1
  for i in "${!wanted[@]}"; do
    [ "${found[$i]}" -ge "${wanted[$i]}" ] || return 1
  done
}
