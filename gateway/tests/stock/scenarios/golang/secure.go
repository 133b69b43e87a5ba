// What paho.mqtt.golang does under Go's own TLS.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// pem reads a certificate or key; `stock/pki.py` says which there are.
func pem(name string) []byte {
	text, err := os.ReadFile(filepath.Join(os.Getenv("STOCK_PKI"), name))
	check(err == nil, "%v", err)
	return text
}

// trusting is TLS of a client that has this authority.
func trusting(authority string) *tls.Config {
	pool := x509.NewCertPool()
	check(pool.AppendCertsFromPEM(pem(authority+".pem")), "no certificate in %s.pem", authority)
	return &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS13}
}

// showing is the same for one that shows this certificate.
func showing(name string) *tls.Config {
	pair, err := tls.X509KeyPair(pem(name+".pem"), pem(name+".key"))
	check(err == nil, "%v", err)
	config := trusting("authority")
	// Not by Certificates: a stranger's would stay at home, as the server says whose it wants.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &pair, nil
	}
	return config
}

// under goes to the listener that this variable names, by TLS.
func under(variable string, config *tls.Config) setting {
	return func(o *mqtt.ClientOptions) {
		o.Servers = nil
		o.AddBroker("ssl://127.0.0.1:" + os.Getenv(variable))
		o.SetTLSConfig(config)
	}
}

func underTLS(n names)         { byTLS(n, "STOCK_TLS_PORT", trusting("authority")) }
func withACertificate(n names) { byTLS(n, "STOCK_MUTUAL_PORT", showing("client")) }
func withACertificate12(n names) {
	config := showing("client")
	config.MaxVersion = tls.VersionTLS12
	byTLS(n, "STOCK_MUTUAL_PORT", config)
}

// byTLS carries 256 KiB at each QoS in both directions and keeps the session over changes between
// TLS and TCP; the second connection under TLS resumes the first one's by its ticket.
func byTLS(n names, variable string, config *tls.Config) {
	var states []tls.ConnectionState
	config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	config.VerifyConnection = func(state tls.ConnectionState) error {
		states = append(states, state)
		return nil
	}
	p := connect(n.id("roaming"), lasting, under(variable, config))
	p.echo256KiB(n.topic("t"))
	p.end()
	source := connect(n.id("source"))
	for _, ways := range [][]setting{{lasting}, {lasting, under(variable, config)}} {
		source.publish(n.topic("t"), "queued", 2)
		p = connect(n.id("roaming"), ways...)
		check(p.present, "no session present after %d handshakes", len(states))
		equal(p.texts(1), []string{"queued"}, "queued")
		p.end()
	}
	source.end()
	equal(len(states), 2, "handshakes")
	equal(states[0].Version, config.MaxVersion, "version")
	check(states[1].DidResume, "the second handshake did not resume")
}

// refusedUnderTLS has each fault with what the library says of it.
func refusedUnderTLS(n names) {
	old := trusting("authority")
	old.MaxVersion = tls.VersionTLS12
	for _, fault := range []struct {
		variable string
		config   *tls.Config
		wanted   string
	}{
		{"STOCK_TLS_PORT", trusting("stranger"), "certificate signed by unknown authority"},
		{"STOCK_TLS_PORT", old, "protocol version not supported"},
		{"STOCK_MUTUAL_PORT", trusting("authority"), "certificate required"},
		{"STOCK_MUTUAL_PORT", showing("impostor"), "unknown certificate authority"},
	} {
		options := mqtt.NewClientOptions().SetClientID(n.id("a")).SetProtocolVersion(4)
		under(fault.variable, fault.config)(options)
		token := mqtt.NewClient(options).Connect()
		check(token.WaitTimeout(waitFor), "neither refused nor let in")
		check(token.Error() != nil, "let in in spite of %q", fault.wanted)
		said := token.Error().Error()
		check(strings.Contains(said, fault.wanted), "%q instead of %q", said, fault.wanted)
	}
}
