package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stranger returns the TLS configuration of a hub that trusts no certificate but its own.
func stranger(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool, ClientCAs: pool}
}

// TestStrangersCertificates: two hubs that do not trust each other's certificates both say so,
// with what to do, although their servers try again and again.
func TestStrangersCertificates(t *testing.T) {
	t.Parallel()
	logs := make([]lockedBuffer, 2)
	f := openFleet(t, 2, func(i int, c *Config) {
		c.Embedded.TLS = stranger(t)
		c.Logger = slog.New(slog.NewTextHandler(&logs[i], nil))
	})
	for i, n := range f.nodes {
		f.until(func() bool { return n.Status().ServerErrors > 1 && strings.Contains(logs[i].String(), "check --cert") })
		require.Contains(t, n.Status().ServerError, "TLS route handshake error")
		text := logs[i].String()
		require.Equal(t, 1, strings.Count(text, "do not accept each other's certificates"), text)
		require.Contains(t, text, "level=WARN")
		require.Zero(t, n.Status().Stats.Hubs)
	}
}

// TestServerFaults: errors of each kind are logged at once and then once a minute with how many
// were left out, count unless they are expected, and end with the server.
func TestServerFaults(t *testing.T) {
	log := new(lockedBuffer)
	now := time.Hour
	f := serverFaults{log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Duration { return now }}
	lines := func() int { return strings.Count(log.String(), "\n") }
	for range 3 {
		f.Errorf("10.0.0.1:6222 - rid:1 - TLS route handshake error: %v", "bad certificate")
	}
	require.Equal(t, 1, lines())
	f.Errorf("JetStream out of space, will be DISABLED")
	require.Equal(t, 2, lines())
	require.Contains(t, log.String(), "level=ERROR")
	f.Errorf("Error trying to connect to route (attempt 1): refused")
	require.Equal(t, 3, lines())
	f.Errorf("anything else")
	require.Equal(t, 4, lines())
	now += faultRepeat - 1
	f.Errorf("TLS route handshake error: again")
	require.Equal(t, 4, lines())
	now++
	f.Errorf("TLS route handshake error: last")
	require.Equal(t, 5, lines())
	require.Contains(t, log.String(), "more=3")
	count, latest := f.sum()
	require.EqualValues(t, 7, count)
	require.Equal(t, "TLS route handshake error: last", latest)
	f.ended.Store(true)
	f.Errorf("JetStream out of space")
	require.Equal(t, 5, lines())
	var silent serverFaults
	silent.Errorf("nothing is ready for it")
}
