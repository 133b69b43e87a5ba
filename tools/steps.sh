# Runs named steps one after the other or side by side, and keeps the count: read by tools/test.sh.
# shellcheck shell=bash
logs=target/test-logs
rm -rf "$logs" && mkdir -p "$logs" || exit 1
names=()
declare -A pids codes
began_at=$SECONDS

progress() { printf '%4d s  %s\n' $((SECONDS - began_at)) "$*"; }

# begin NAME COMMAND...: starts a step in the background.
begin() {
  local name=$1
  shift
  names+=("$name")
  progress "begin $name"
  # A process group of its own, so that its end takes along what it started.
  set -m
  timed "$name" "$@" > "$logs/$name.log" 2>&1 < /dev/null &
  pids[$name]=$!
  set +m
}

timed() { # timed NAME COMMAND...: runs it and leaves the seconds it took in a file
  local name=$1 began=$SECONDS code
  shift
  "$@"
  code=$?
  echo $((SECONDS - began)) > "$logs/$name.secs"
  return $code
}

# finish NAME...: waits for steps and says how they went.
finish() {
  local name
  for name in "$@"; do
    wait "${pids[$name]}"
    codes[$name]=$?
    unset "pids[$name]"
    if [ "${codes[$name]}" -eq 0 ]; then
      progress "ok    $name"
    else
      progress "FAIL  $name, exit code ${codes[$name]}; the end of $logs/$name.log:"
      tail -n 60 "$logs/$name.log" | sed 's/^/          /'
    fi
  done
}

# step NAME COMMAND...: a step on its own.
step() {
  begin "$@"
  finish "$1"
}

# What a log says about its own tests: cargo's result lines, and the PASS and FAIL lines of scripts.
count() { # count NAME -> "passed failed"
  awk -v code="${codes[$1]}" '
    /^test result:/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) p += $(i-1)
        if ($i ~ /^failed/) f += $(i-1)
      }
    }
    /^PASS / { p++ }
    /^FAIL / { f++ }
    END {
      if (p + f == 0) { p = (code == 0); f = (code != 0) }
      else if (code != 0 && f == 0) f = 1
      print p, f
    }' "$logs/$1.log"
}

# summary: the table, the closing line, and the exit code of the whole.
summary() {
  local name passed failed all_passed=0 all_failed=0
  printf '\n%-16s %8s %8s %8s\n' step passed failed seconds
  for name in "${names[@]}"; do
    read -r passed failed < <(count "$name")
    printf '%-16s %8d %8d %8d\n' "$name" "$passed" "$failed" "$(cat "$logs/$name.secs")"
    all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed))
  done
  # Named once more, since where only the end of the output is kept this is what there is.
  for name in "${names[@]}"; do
    grep -hE '^test .* FAILED$|^FAIL |^error' "$logs/$name.log" | head -n 10 | sed "s/^/$name: /"
  done
  grep -hE '^(advisories|unit): not checked' "$logs/deny.log" "$logs/unit.log"
  printf 'total %d s\n\n%d passed, %d failed\n' $((SECONDS - began_at)) $all_passed $all_failed
  [ $all_failed -eq 0 ]
}

# end_steps: ends what still runs when the whole is interrupted.
end_steps() {
  local pid
  for pid in "${pids[@]}"; do kill -- "-$pid" 2> /dev/null; done
}
