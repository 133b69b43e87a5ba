# The commands of the project; `make help` lists them. The work is in tools/.
.DEFAULT_GOAL := help
MINUTES ?= 10
SECONDS ?= 3
CONNECTIONS ?= 1000000

.PHONY: help demo test fuzz bench bench-mqtt bench-tls c1m compare chaos

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "make %-10s %s\n", $$1, $$2 }'

demo: ## build, let 10,000 devices publish to an embedded Kafka for 15 seconds, verify what arrived
	@tools/setup.sh demo
	@tools/demo.sh

test: ## install what the tests need, then run everything; ends with a table
	@tools/setup.sh test
	@tools/test.sh

fuzz: ## fuzz the protocol for MINUTES=10 per target
	@tools/setup.sh demo
	gateway/proto/fuzz/run.sh $$(( $(MINUTES) * 60 ))

chaos: ## break Kafka, its network and the gateway under load for MINUTES=10, SEED=n, books open
	@tools/setup.sh test
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen
	@tools/chaos.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

bench: ## measure against floor, mosquitto and Kafka, SECONDS=3 per trial (2: a quick look)
	@tools/setup.sh bench
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen
	@tools/bench/bench.py --seconds $(SECONDS)

c1m: ## hold CONNECTIONS=1000000 clients in a network namespace, storms and all; writes results/
	@tools/setup.sh c1m
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen
	@tools/c1m.py --connections $(CONNECTIONS)

compare: ## 15,000 clients each on mosquitto and Tributary, side by side; writes results/
	@tools/setup.sh test
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen
	@tools/c1m_compare.py

bench-mqtt: ## measure subscriptions, deliveries and the store beside mosquitto, SECONDS=3 per trial
	@tools/setup.sh bench
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen --bins \
	  --example store_choice
	@tools/bench/bench.py --subject mqtt-server --seconds $(SECONDS)

bench-tls: ## measure TLS clients, handshakes, messages, storms and rules, SECONDS=3 per trial
	@tools/setup.sh bench
	cargo build --release --locked --quiet -p tributary -p tributary-loadgen
	@tools/bench/bench.py --subject tls --seconds $(SECONDS)
