// What the Go scenarios share, as `../harness.py` for the Python ones.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const (
	waitFor = 10 * time.Second
	// Only ever waited for what must not come: too short a time hides a fault, it never makes one.
	grace = 300 * time.Millisecond
)

var (
	upCuts   = cuts("up", "down")
	downCuts = cuts("down", "up")
)

// QoS 2 has four packets; the connection breaks before, in the middle of and behind each.
func cuts(publish, answer string) []string {
	var all []string
	for _, packet := range []string{
		publish + " PUBLISH", answer + " PUBREC", publish + " PUBREL", answer + " PUBCOMP",
	} {
		for _, part := range []string{"none", "half", "all"} {
			all = append(all, packet+" 1 "+part)
		}
	}
	return all
}

// fault is what a failed check panics with: the scenario's end and no more.
type fault string

func check(good bool, form string, values ...any) {
	if !good {
		panic(fault(fmt.Sprintf(form, values...)))
	}
}

func equal(found, wanted any, form string, values ...any) {
	what := fmt.Sprintf(form, values...)
	check(reflect.DeepEqual(found, wanted), "%s: %v instead of %v", what, found, wanted)
}

// names gives client ids and topics that no other scenario, client or run uses.
type names struct{ stem string }

func (n names) id(role string) string    { return n.stem + "-" + role }
func (n names) topic(rest string) string { return n.stem + "/" + rest }

var steering = func() *bufio.ReadWriter {
	peer, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("STOCK_CONTROL"))
	if err != nil {
		panic(err)
	}
	return bufio.NewReadWriter(bufio.NewReader(peer), bufio.NewWriter(peer))
}()

// control says one line to the proxies and hears one number.
func control(words ...any) int {
	fmt.Fprintln(steering, words...)
	steering.Flush()
	line, err := steering.ReadString('\n')
	number, notNumber := strconv.Atoi(strings.TrimSpace(line))
	check(err == nil && notNumber == nil, "the proxy said %q to %v", line, words)
	return number
}

type scenario struct {
	name string
	run  func(names)
}

func verdict(s scenario) (said string) {
	defer func() {
		if why := recover(); why != nil {
			text := strings.Join(strings.Fields(fmt.Sprint(why)), " ")
			said = "FAIL " + s.name + ": " + text
		}
	}()
	stem := strings.NewReplacer(" ", "-", ".", "").Replace(s.name)
	s.run(names{os.Getenv("STOCK_RUN") + "-" + stem})
	return "PASS " + s.name
}

func runAll(scenarios []scenario) {
	var chosen []scenario
	for _, s := range scenarios {
		if strings.Contains(s.name, os.Getenv("STOCK_ONLY")) {
			chosen = append(chosen, s)
		}
	}
	fmt.Println("PLAN", len(chosen))
	for _, s := range chosen {
		fmt.Println("RUN", s.name)
		fmt.Println(verdict(s))
	}
}
