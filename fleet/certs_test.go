package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCerts: hubs trust each other's certificates under their names in both directions, and
// refuse those of others; private keys can be read by their owner alone.
func TestCerts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	certs := func(args ...string) (code int, text string) {
		var out, errs bytes.Buffer
		code = run(t.Context(), append([]string{"certs", dir}, args...), &out, &errs)
		return code, out.String() + errs.String()
	}
	code, text := certs("hub-1=hub-1.example,10.0.0.1", "hub-2")
	require.Zero(t, code, text)
	code, text = certs("hub-3") // of the same authority
	require.Zero(t, code, text)
	for name, mode := range map[string]fs.FileMode{"ca.key": 0o600, "ca.pem": 0o644, "hub-1.key": 0o600, "hub-1.pem": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&^mode, name)
	}

	config := func(hub string) *tls.Config {
		c, err := (&hubCommand{Cert: filepath.Join(dir, hub+".pem"), CertKey: filepath.Join(dir, hub+".key"), CA: filepath.Join(dir, "ca.pem")}).tls()
		require.NoError(t, err)
		c.ClientAuth = tls.RequireAndVerifyClientCert
		return c
	}
	connect := func(server, client *tls.Config, name string) error {
		l, err := tls.Listen("tcp", "127.0.0.1:0", server)
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		done := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				err = c.(*tls.Conn).Handshake()
				_ = c.Close()
			}
			done <- err
		}()
		client = client.Clone()
		client.ServerName = name
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			_ = c.Close()
		}
		return errors.Join(err, <-done)
	}
	for _, name := range []string{"hub-1.example", "10.0.0.1"} {
		require.NoError(t, connect(config("hub-1"), config("hub-3"), name))
	}
	require.Error(t, connect(config("hub-1"), config("hub-2"), "hub-2"))
	stranger := config("hub-2")
	stranger.Certificates = nil
	require.Error(t, connect(config("hub-1"), stranger, "hub-1.example"), "without a certificate")

	block, _ := pem.Decode([]byte(read(t, filepath.Join(dir, "hub-1.pem"))))
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	require.False(t, cert.IsCA)

	for _, args := range [][]string{{"../x"}, {"ca"}, {"a", "a"}, {"a="}, {"--days=0", "a"}} {
		code, text := certs(args...)
		require.Equal(t, 2, code, "%v: %s", args, text)
	}
	before := read(t, filepath.Join(dir, "hub-1.key"))
	code, text = certs("hub-1")
	require.Equal(t, 2, code, "nothing is overwritten")
	require.Contains(t, text, "move its file")
	require.Equal(t, before, read(t, filepath.Join(dir, "hub-1.key")))
}

func read(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}
