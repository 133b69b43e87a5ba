// paho.mqtt.golang, the stock Go client of MQTT 3.1.1, against the server.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// peer is a client with waiting in place of callbacks.
type peer struct {
	client  mqtt.Client
	arrived chan mqtt.Message
	ups     chan bool
	lost    chan error
	port    int
	present bool
}

type setting func(*mqtt.ClientOptions)

func lasting(o *mqtt.ClientOptions) { o.SetCleanSession(false) }

func through(port int) setting {
	return func(o *mqtt.ClientOptions) {
		o.Servers = nil
		o.AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port))
	}
}

func connect(id string, settings ...setting) *peer {
	p := &peer{arrived: make(chan mqtt.Message, 1000)}
	p.ups, p.lost = make(chan bool, 10), make(chan error, 10)
	options := mqtt.NewClientOptions().SetClientID(id).SetProtocolVersion(4)
	options.AddBroker("tcp://127.0.0.1:" + os.Getenv("STOCK_PORT"))
	options.SetMaxReconnectInterval(time.Second).SetOrderMatters(true)
	options.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { p.arrived <- m })
	options.SetOnConnectHandler(func(mqtt.Client) { p.ups <- true })
	options.SetConnectionLostHandler(func(_ mqtt.Client, err error) { p.lost <- err })
	for _, set := range settings {
		set(options)
	}
	p.port, _ = strconv.Atoi(options.Servers[0].Port())
	p.client = mqtt.NewClient(options)
	token := p.client.Connect().(*mqtt.ConnectToken)
	p.done(token, "CONNACK")
	p.present = token.SessionPresent()
	p.up()
	return p
}

func (p *peer) done(token mqtt.Token, what string) {
	check(token.WaitTimeout(waitFor), "no %s", what)
	check(token.Error() == nil, "%s: %v", what, token.Error())
}

// up waits until the client, by itself, is connected.
func (p *peer) up() {
	select {
	case <-p.ups:
	case <-time.After(waitFor):
		check(false, "not connected")
	}
}

func (p *peer) down() {
	select {
	case <-p.lost:
	case <-time.After(waitFor):
		check(false, "the connection did not end")
	}
}

func (p *peer) subscribe(filter string, qos byte) {
	token := p.client.Subscribe(filter, qos, nil).(*mqtt.SubscribeToken)
	p.done(token, "SUBACK")
	for filter, code := range token.Result() {
		equal(code, qos, "SUBACK for %s", filter)
	}
}

func (p *peer) publish(topic, payload string, qos byte) {
	p.done(p.client.Publish(topic, qos, false, payload), "acknowledgement of "+payload)
}

func (p *peer) retain(topic, payload string) {
	p.done(p.client.Publish(topic, 1, true, payload), "acknowledgement of "+payload)
}

func (p *peer) take() mqtt.Message {
	select {
	case message := <-p.arrived:
		return message
	case <-time.After(waitFor):
		check(false, "no message arrived")
		return nil
	}
}

func (p *peer) texts(count int) []string {
	found := []string{}
	for len(found) < count {
		found = append(found, string(p.take().Payload()))
	}
	return found
}

// quiet returns what arrives beside a message that makes a whole round trip.
func (p *peer) quiet() []string {
	fence := fmt.Sprintf("fence/%d/%p", os.Getpid(), p)
	p.subscribe(fence, 0)
	p.publish(fence, "fence", 0)
	found := []string{}
	for message := p.take(); message.Topic() != fence; message = p.take() {
		found = append(found, string(message.Payload()))
	}
	p.done(p.client.Unsubscribe(fence), "UNSUBACK")
	for {
		select {
		case message := <-p.arrived:
			found = append(found, string(message.Payload()))
		case <-time.After(grace):
			return found
		}
	}
}

func (p *peer) end() { p.client.Disconnect(100) }

func numbers(count int) []string {
	all := []string{}
	for number := 0; number < count; number++ {
		all = append(all, strconv.Itoa(number))
	}
	return all
}

func persistentSession(n names) {
	away := connect(n.id("away"), lasting)
	check(!away.present, "session present on the first connection")
	away.subscribe(n.topic("+"), 2)
	away.end()
	source := connect(n.id("source"))
	for _, qos := range []byte{1, 2} {
		for _, text := range numbers(20) {
			source.publish(n.topic("t"), text, qos)
		}
	}
	away = connect(n.id("away"), lasting)
	check(away.present, "no session present after the reconnect")
	found := map[byte][]string{}
	for range numbers(40) {
		message := away.take()
		found[message.Qos()] = append(found[message.Qos()], string(message.Payload()))
	}
	equal(found, map[byte][]string{1: numbers(20), 2: numbers(20)}, "queued by QoS")
	equal(away.quiet(), []string{}, "beside them")
	away.end()
	fresh := connect(n.id("away"))
	check(!fresh.present, "session present after a clean session")
	source.publish(n.topic("t"), "to nobody", 1)
	equal(fresh.quiet(), []string{}, "after a clean session")
	fresh.end()
	source.end()
}

// The library comes back by itself, a second after the cut, and goes on with its store.
func qos2Up(n names) {
	witness := connect(n.id("witness"))
	witness.subscribe(n.topic("#"), 2)
	for number, cut := range upCuts {
		topic, port := n.topic(strconv.Itoa(number)), control("open", "cut", cut)
		p := connect(n.id("p"+strconv.Itoa(number)), lasting, through(port))
		token := p.client.Publish(topic, 2, false, "once")
		p.down()
		equal(control("cuts", port), 1, "connections cut at %s", cut)
		p.up()
		p.done(token, "acknowledgement after "+cut)
		// The library may be done with the token before it has sent the message again.
		found := strings.Join(append(witness.texts(1), witness.quiet()...), " ")
		check(found == "once" || found == "once once" && ownFault(port), "%s after %s", found, cut)
		p.publish(topic, "next", 2)
		equal(witness.texts(1), []string{"next"}, "after %s", cut)
		p.end()
	}
	equal(witness.quiet(), []string{}, "duplicates")
	witness.end()
}

// Cut behind a PUBREC, the library may send PUBREL and then, on the next connection, the PUBLISH
// again with the same id [MQTT-4.3.3-6 says no]: after a PUBREL that is a new message to a server.
func ownFault(port int) bool {
	return control("count", port, "down", "PUBREC") > 1 && control("count", port, "up", "PUBREL") > 1
}

// The library hands over a QoS 2 message whenever it is sent, also again with DUP. So once more is
// right where the server cannot know of the PUBREC, and only there.
func qos2Down(n names) {
	source := connect(n.id("source"))
	for number, cut := range downCuts {
		topic, port := n.topic(strconv.Itoa(number)), control("open", "cut", cut)
		p := connect(n.id("s"+strconv.Itoa(number)), lasting, through(port))
		p.subscribe(topic, 2)
		source.publish(topic, "once", 2)
		p.down()
		equal(control("cuts", port), 1, "connections cut at %s", cut)
		source.publish(topic, "next", 2)
		p.up()
		found := strings.Join(append(p.texts(2), p.quiet()...), " ")
		again := !strings.Contains(cut, "PUBREL") && !strings.Contains(cut, "PUBCOMP")
		check(found == "once next" || again && found == "once once next", "%s after %s", found, cut)
		p.end()
	}
	source.end()
}

// $share is no part of 3.1.1, but what users of this library expect of a server.
func shared(n names) {
	members := []*peer{}
	for _, role := range []string{"a", "b", "c"} {
		member := connect(n.id(role))
		member.subscribe("$share/g/"+n.topic("+"), 1)
		members = append(members, member)
	}
	source := connect(n.id("source"))
	for _, text := range numbers(120) {
		source.publish(n.topic("t"+text[:1]), text, 1)
	}
	all, counts := []string{}, []int{}
	for _, member := range members {
		found := member.quiet()
		all, counts = append(all, found...), append(counts, len(found))
		member.end()
	}
	wanted := numbers(120)
	sort.Strings(all)
	sort.Strings(wanted)
	equal(all, wanted, "messages together")
	sort.Ints(counts)
	check(counts[0] >= 20, "balance of 120 over three: %v", counts)
	source.end()
}

func willOnReset(n names) {
	watcher := connect(n.id("watcher"))
	watcher.subscribe(n.topic("#"), 2)
	mortal := func(role string) *peer {
		return connect(n.id(role), through(control("open")), func(o *mqtt.ClientOptions) {
			o.SetAutoReconnect(false).SetWill(n.topic(role), role, 2, false)
		})
	}
	broken := mortal("reset")
	equal(control("reset", broken.port), 1, "connections reset")
	equal(watcher.texts(1), []string{"reset"}, "after RST")
	taken := mortal("taken")
	heir := connect(n.id("taken"))
	taken.down()
	equal(watcher.texts(1), []string{"taken"}, "after a takeover")
	mortal("polite").end()
	equal(watcher.quiet(), []string{}, "after DISCONNECT")
	heir.end()
	watcher.end()
}

func retained(n names) {
	source := connect(n.id("source"))
	for _, rest := range []string{"a", "a/b", "a/b/c", "d"} {
		source.retain(n.topic(rest), rest)
	}
	late := connect(n.id("late"))
	late.subscribe(n.topic("a/#"), 1)
	found := map[string]bool{}
	for len(found) < 3 {
		message := late.take()
		found[string(message.Payload())] = message.Retained()
	}
	equal(found, map[string]bool{"a": true, "a/b": true, "a/b/c": true}, "RETAIN by payload")
	source.retain(n.topic("a/b"), "live")
	check(!late.take().Retained(), "RETAIN on a live message")
	for _, rest := range []string{"a", "a/b", "a/b/c", "d"} {
		source.retain(n.topic(rest), "")
	}
	fresh := connect(n.id("fresh"))
	fresh.subscribe(n.topic("#"), 1)
	equal(fresh.quiet(), []string{}, "after the clearing")
	for _, p := range []*peer{source, late, fresh} {
		p.end()
	}
}

func wildcards(n names) {
	p := connect(n.id("s"))
	for filter, qos := range map[string]byte{"+/+": 0, "a/#": 2, "+": 1, "/räume/+/": 1} {
		p.subscribe(n.topic(filter), qos)
	}
	source := connect(n.id("source"))
	for _, rest := range []string{"a", "b/c/d", "a/b/c", "b", "", "/räume/küche/", "/räume/küche"} {
		source.publish(n.topic(rest), "x"+rest, 2)
	}
	found := map[string]bool{}
	for _, text := range p.quiet() {
		found[strings.TrimPrefix(text, "x")] = true
	}
	wanted := map[string]bool{"a": true, "a/b/c": true, "b": true, "": true, "/räume/küche/": true}
	equal(found, wanted, "topics that match")
	p.end()
	source.end()
}

func sysTree(n names) {
	p := connect(n.id("s"))
	for _, rest := range []string{"version", "uptime", "clients/connected"} {
		p.subscribe("$SYS/broker/"+rest, 0)
		message := p.take()
		equal(message.Topic(), "$SYS/broker/"+rest, "topic")
		check(len(message.Payload()) > 0, "%s is empty", rest)
		p.done(p.client.Unsubscribe("$SYS/broker/"+rest), "UNSUBACK")
	}
	p.end()
}

func largePayload(n names) {
	p := connect(n.id("s"))
	p.echo256KiB(n.topic("t"))
	p.end()
}

// echo256KiB sends a large message at each QoS to itself.
func (p *peer) echo256KiB(topic string) {
	p.subscribe(topic, 2)
	text := strings.Repeat("0123456789abcdef", 1<<14)
	for qos := byte(0); qos < 3; qos++ {
		p.publish(topic, text, qos)
		check(string(p.take().Payload()) == text, "256 KiB at QoS %d came back otherwise", qos)
	}
}

func main() {
	scenarios := []scenario{
		{"persistent session 3.1.1", persistentSession},
		{"QoS 2 up over cuts 3.1.1", qos2Up},
		{"QoS 2 down over cuts 3.1.1", qos2Down},
		{"shared subscription 3.1.1", shared},
		{"will on reset 3.1.1", willOnReset},
		{"retained 3.1.1", retained},
		{"wildcards 3.1.1", wildcards},
		{"$SYS 3.1.1", sysTree},
		{"large payload 3.1.1", largePayload},
	}
	if os.Getenv("STOCK_TLS_PORT") != "" {
		scenarios = append(scenarios,
			scenario{"TLS 3.1.1", underTLS},
			scenario{"TLS with a certificate 3.1.1", withACertificate},
			scenario{"TLS 1.2 with a certificate 3.1.1", withACertificate12},
			scenario{"TLS refused 3.1.1", refusedUnderTLS},
		)
	}
	runAll(scenarios)
}
