#!/usr/bin/env bash
# Installs what the demo or the tests need and this Debian or Ubuntu lacks; says what, asks nothing.
#
#     tools/setup.sh demo     a C toolchain, for librdkafka, jemalloc and AWS-LC, and OpenSSL, for
#                             Kafka by TLS; Rust is there
#     tools/setup.sh test     also Java and Maven for a real Kafka, stock MQTT clients, kcat,
#                             HAProxy, Nginx, Redis and MariaDB
#     tools/setup.sh bench    also valgrind, which counts instructions
#     tools/setup.sh c1m      beside the demo's: Python, and what makes a network namespace
#
# What Debian has not comes by the clients of the registries concerned into a cache of our own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/cache.sh

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
has() { command -v "$1" > /dev/null 2>&1; }

missing=()
# want PACKAGE COMMAND: the package, unless the command is there already.
want() { has "$2" || missing+=("$1"); }

# Servers that the tests start themselves: whoever has them not yet shall not get a service.
servers=()
# want_server PACKAGE COMMAND [SERVICE]
want_server() {
  has "$2" || has "/usr/sbin/$2" || { missing+=("$1"); servers+=("${3:-$2}"); }
}

want_demo() {
  has cargo || die "Rust is missing: install 1.93 or later (https://rustup.rs), then try again"
  want build-essential cc
  want build-essential c++
  want build-essential make
  want pkg-config pkg-config
  has_openssl || missing+=(libssl-dev)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
}

# Both are asked for: the headers can be there without what says where they are.
has_openssl() { has pkg-config && pkg-config --exists 'openssl >= 3'; }

want_test() {
  want_demo
  java_is_new || missing+=("$(java_package)")
  want maven mvn
  want mosquitto mosquitto
  want mosquitto-clients mosquitto_pub
  want kcat kcat
  want openssl openssl
  want python3 python3
  has python3 && python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv)
  want nodejs node
  want npm npm
  want golang-go go
  want util-linux flock
  want iproute2 ip
  want_server redis-server redis-server
  want_server mariadb-server mariadbd mariadb
  want_server haproxy haproxy
  want_server nginx-light nginx
  [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
}

want_bench() {
  want_test
  want valgrind valgrind
}

want_c1m() {
  want_demo
  want python3 python3
  want iproute2 ip
  want util-linux unshare
}

# Kafka 4 runs on Java 17 and later; javac since the tests run single-file programs.
java_is_new() {
  has javac && [ "$(javac -version 2>&1 | sed -E 's/^javac ([0-9]+).*/\1/')" -ge 17 ]
}
java_package() {
  local package
  for package in openjdk-17-jdk-headless openjdk-21-jdk-headless openjdk-25-jdk-headless; do
    apt-cache show "$package" > /dev/null 2>&1 && { echo "$package"; return; }
  done
  echo default-jdk-headless
}

install_missing() {
  [ ${#missing[@]} -gt 0 ] || { say "nothing is missing"; return; }
  local packages as_root=()
  packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
  has apt-get || die "this is no Debian or Ubuntu; please install the equivalent of: $packages"
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || die "not root and no sudo; please run as root: apt-get install -y $packages"
    as_root=(sudo)
  fi
  say "installing by apt: $packages"
  keep_services_down
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq < /dev/null
  # shellcheck disable=SC2086 # a list of package names
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $packages < /dev/null > /dev/null
  # Nor at the next boot.
  if [ ${#servers[@]} -gt 0 ] && [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl disable --quiet "${servers[@]}"
  fi
}

# Debian starts what it installs unless this file says no (policy-rc.d); Nginx would take port 80.
keep_services_down() {
  local policy=/usr/sbin/policy-rc.d
  [ ${#servers[@]} -gt 0 ] && [ ! -e "$policy" ] || return 0
  # shellcheck disable=SC2064 # as it is now
  trap "${as_root[*]} rm -f $policy" EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
  "${as_root[@]}" chmod 755 "$policy"
}

case ${1:-} in
  demo) want_demo; install_missing ;;
  test) want_test; install_missing ;;
  bench) want_bench; install_missing ;;
  c1m) want_c1m; install_missing ;;
  *) die "usage: tools/setup.sh demo | test | bench | c1m" ;;
esac
