# Where what the tests fetch from registries is kept: read by the other scripts here.
# shellcheck shell=bash disable=SC2034
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tributary
stock_python=$cache/stock-python
stock_node=$cache/stock-node
stock_golang=$cache/stock-golang
stock_rumqttc=$cache/stock-rumqttc
stock_java=$cache/stock-java
cargo_deny_version=0.20.2
cargo_deny=$cache/cargo-deny-$cargo_deny_version
