package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// parseWith parses a command line with environment variables.
func parseWith(t *testing.T, environ []string, args ...string) (*grammar, *settings, error) {
	t.Helper()
	s := &settings{environ: func() []string { return environ }}
	s.reset()
	g := new(grammar)
	_, err := kong.Must(g, helpVars, kong.Resolvers(s), kong.Writers(io.Discard, io.Discard)).Parse(args)
	return g, s, err
}

// A flag wins over an environment variable, that over the file, and that over the
// default.
func TestSourcesOfFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.toml")
	writeFile(t, file, `
[hub]
listen = "127.0.0.1:1"
key = "file.key"
access = "any"
max-handshakes = 7
dscp = 46

[pub]
connect = ["a:1", "b:2"]
key = "pub.key"
rate = 2.5
retry = true
`)
	env := []string{"INTENTRA_HUB_KEY=env.key", "INTENTRA_HUB_DSCP=12", "INTENTRA_PUB_RATE=9", "OTHER=x"}
	g, s, err := parseWith(t, env, "hub", "--config", file, "--dscp=3")
	require.NoError(t, err)
	require.Equal(t, hubAddress("127.0.0.1:1"), g.Hub.Listen)
	require.Equal(t, fileName("env.key"), g.Hub.Key)
	require.Equal(t, 7, *g.Hub.MaxHandshakes)
	require.Equal(t, 3, *g.Hub.DSCP)
	require.Nil(t, g.Hub.HandshakeRate)
	require.Empty(t, s.unknown)

	key := newIdentity(t, t.TempDir(), "peer").public
	g, _, err = parseWith(t, append(env, "INTENTRA_PUB_CONFIG="+file), "pub", "--peer", key)
	require.NoError(t, err)
	require.Equal(t, dialAddress("a:1,b:2"), g.Pub.Connect)
	require.InEpsilon(t, 9.0, g.Pub.Rate, 1e-9)
	require.True(t, g.Pub.Retry)

	_, s, _ = parseWith(t, []string{"INTENTRA_HUB_KEY=\xff"}, "hub", "--listen=:0", "--access=any")
	require.ErrorContains(t, s.err, "the environment variable INTENTRA_HUB_KEY is not valid UTF-8")

	_, s, _ = parseWith(t, []string{"INTENTRA_HUB_KYE=x", "INTENTRA_HUB_MAX-HANDSHAKES=3"}, "hub", "--listen=:0", "--key=k", "--access=any")
	require.Equal(t, []string{"INTENTRA_HUB_KYE", "INTENTRA_HUB_MAX-HANDSHAKES"}, s.unknown)
}

// Each error names the file, or the variable, and the place in it.
func TestConfigurationErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ text, want string }{
		{"[hub]\nlisten\n", "c.toml, line 2"},
		{"[robot]\n", "there is no section [robot]; the sections are hub, pub, sub"},
		{"[keygen]\n", "there is no section [keygen]"},
		{"listen = \"a:1\"\n", "listen is outside of a section"},
		{"[hub]\nlisen = \"a:1\"\n", "section [hub]: \"lisen\" is not a flag of 'intentra hub'"},
		{"[hub]\nconfig = \"other\"\n", "\"config\" is not a flag"},
		{"[hub]\nhelp = true\n", "\"help\" is not a flag"},
		{"[hub]\nlisten = 1979-05-27\n", "listen: want a string"},
		{"[hub]\nlisten = [1]\n", "listen: a list may hold strings only"},
		{"[hub.more]\nx = 1\n", "\"more\" is not a flag"},
		{"[sub]\n", "it has no section [hub]"},
		{"[hub]\nlisten = \"nowhere\"\n", "--listen: \"nowhere\" is not an address"},
		{"[hub]\nlisten = \"nowhere\"\n", "c.toml, section [hub])"},
		{"[hub]\nmax-handshakes = \"many\"\n", "c.toml, section [hub])"},
		{"[hub]\nkey = \"k\"\n", "missing flags: --access"},
	} {
		file := filepath.Join(dir, "c.toml")
		writeFile(t, file, tt.text)
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run([]string{"hub", "--config", file}, nil, &stdout, &stderr), tt.text)
		require.Contains(t, stderr.String(), tt.want, tt.text)
	}
	writeFile(t, filepath.Join(dir, "large.toml"), strings.Repeat("#", maxConfig+1))
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"hub", "--config", filepath.Join(dir, "large.toml")}, nil, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "larger than")
	stderr.Reset()
	require.Equal(t, exitUsage, run([]string{"hub", "--config", filepath.Join(dir, "none")}, nil, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "no such file")
}

func TestConfigCheck(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(s.dir, "c.toml")
	secret := filepath.Join(s.dir, "token")
	writeFile(t, secret, "0123456789abcdef\n")
	short := filepath.Join(s.dir, "short")
	writeFile(t, short, "0123\n")
	good := `
[hub]
listen = "systemd"
gather = "5ms"
http = "127.0.0.1:0"
http-token = "` + secret + `"
http-host = "hub.example"
key = "` + s.server.file + `"
access = "` + s.allow + `"
[pub]
connect = "hub:9000"
peer = "` + s.server.public + `"
key = "` + s.alice.file + `"
topic = "pose"
[sub]
connect = "hub:9000"
peer = "` + s.server.public + `"
key = "` + s.bob.file + `"
topic = "**"
timeout = "30s"
`
	writeFile(t, file, good)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"config", "check", file}, nil, &stdout, &stderr), stderr.String())
	require.Equal(t, file+": [hub] ok\n"+file+": [pub] ok\n"+file+": [sub] ok\n", stdout.String())

	for _, tt := range []struct{ from, to, want string }{
		{s.server.file, filepath.Join(s.dir, "missing"), "[hub]: "},
		{s.allow, s.server.file, "private key file"},
		{"5ms", "1h", "--gather is 1h0m0s"},
		{"5ms", "-1ms", "--gather is -1ms"},
		{secret, short, "shorter than 16 characters"},
		{secret, filepath.Join(s.dir, "missing"), "http: the token"},
		{"http = \"127.0.0.1:0\"", "", "need --http"},
		{"hub.example", "hub example", "--http-host"},
		{"gather", "foxglove-origin = \"https://app.example\"\ngather", "needs --foxglove"},
		{"\"pose\"", "\"po*se\"", "[pub]: "},
		{"\"30s\"", "\"-30s\"", "[sub]: sub: --timeout is -30s"},
		{s.alice.file, s.server.file, "[pub]: pub: --peer is the public key of --key"},
	} {
		writeFile(t, file, strings.Replace(good, tt.from, tt.to, 1))
		stdout.Reset()
		stderr.Reset()
		require.Equal(t, exitUsage, run([]string{"config", "check", file}, nil, &stdout, &stderr), tt.want)
		require.Contains(t, stderr.String(), tt.want)
		require.Contains(t, stdout.String(), " ok\n", "the other sections are checked as well")
	}
	writeFile(t, file, "")
	require.Equal(t, exitUsage, run([]string{"config", "check", file}, nil, &stdout, &stderr))
}

// A hub starts from its configuration file alone.
func TestHubFromConfigurationFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(s.dir, "c.toml")
	writeFile(t, file, "[hub]\nlisten = \"127.0.0.1:0\"\nkey = '"+s.server.file+"'\naccess = '"+s.allow+"'\n")
	r := start(t, nil, "hub", "--config", file)
	r.address()
	r.interrupt()
	r.succeed()
}
