package main

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// FuzzAddress: the attacker is a user, or a script with a wrong variable. An
// address is accepted unchanged or refused: a host, a colon and a number; to
// dial, the host must not be empty and the port not zero. Every address and port
// that package netip accepts is valid, except for brackets and commas in a zone,
// which no interface has in its name. Several addresses with commas between them
// can be dialled if each of them can.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"", ":", ":0", ":4242", "host:0", "host:65535", "host:65536", "192.0.2.7:4242", "[2001:db8::7]:4242", "[fe80::1%eth0]:1",
		"2001:db8::7:4242", "[::1]", "host:+1", "host:0x1", "host:-1", "host: 1", "a:b:1", "[a]b:1", "\x00:1", "host:00001", "[]:1",
		"a:1,b:2", "a,b:1", "a:1,", "a:1,:2", "[fe80::1%a,b]:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var listen listenAddress
		var dial dialAddress
		listenErr, dialErr := listen.UnmarshalText([]byte(s)), dial.UnmarshalText([]byte(s))
		require.Equal(t, dialErr == nil, string(dial) == s && s != "", "accepted unchanged or not at all")
		if strings.Contains(s, ",") {
			require.Error(t, listenErr)
			for part := range strings.SplitSeq(s, ",") {
				require.True(t, dialErr != nil || new(dialAddress).UnmarshalText([]byte(part)) == nil)
			}
			return
		}
		if addr, err := netip.ParseAddrPort(s); err == nil && !strings.ContainsAny(addr.Addr().Zone(), "[]") {
			require.NoError(t, listenErr)
			require.Equal(t, addr.Port() > 0, dialErr == nil)
		}
		if listenErr != nil {
			require.Empty(t, listen)
			require.Error(t, dialErr, "what can be dialled can be listened on")
			return
		}
		require.Equal(t, s, string(listen))
		at := strings.LastIndexByte(s, ':')
		port, err := strconv.Atoi(s[at+1:])
		require.NoError(t, err)
		require.True(t, port >= 0 && port <= 65535)
		host := strings.TrimSuffix(strings.TrimPrefix(s[:at], "["), "]")
		require.NotContains(t, host, "[")
		require.Equal(t, port > 0 && host != "", dialErr == nil)
	})
}

// FuzzCommandLine: the attacker is a script that builds command lines from
// arbitrary values. None may panic; each is parsed, asks for help, or ends with a
// message and the exit code of wrong input. A value in place of a public key may
// be a private key, so it must not be printed.
func FuzzCommandLine(f *testing.F) {
	good := intentra.PublicKey{1}.String()
	for _, line := range []string{
		"", "--help", "version", "keygen --out x", "pubkey x", "pub --connect h:1 --peer " + good + " --key k", "bench envelope --json",
		"pub --connect h:1 --peer SECRETSECRET --key k", "sub --rate nan", "hub --listen :1 --allow any --key k -- x", "demo --peers=-1",
		"pub --channel 4294967296", "pub --intent ? --suite", "--peer=SECRETSECRET pub", "pub --peer=", "demo --size 1e9 --for 1x",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"), "c2VjcmV0")
	}
	// Shared, because building it takes longer than everything else.
	out, errs := new(bytes.Buffer), new(bytes.Buffer)
	l := newCommandLine(&environment{ctx: context.Background(), stdin: strings.NewReader(""), stdout: out, stderr: errs})
	f.Fuzz(func(t *testing.T, line, secret string) {
		out.Reset()
		errs.Reset()
		command, code, done := l.parse(strings.Split(line, "\x00"))
		switch {
		case !done:
			require.NotNil(t, command)
			require.NotEmpty(t, command.Command())
		case code == exitOK:
			require.NotEmpty(t, out.String(), "help was asked for")
		default:
			require.Equal(t, exitUsage, code)
			require.True(t, strings.HasPrefix(errs.String(), "intentra: "), "%q", errs.String())
		}

		errs.Reset()
		secret = strings.Trim(secret, "\x00")
		_, _, done = l.parse([]string{"pub", "--connect", "h:1", "--key", "k", "--peer=" + secret})
		if done && len(secret) >= 8 {
			const want = "intentra: --peer: not a key: want 44 characters of base64, as keygen prints them\nSee 'intentra pub --help'.\n"
			require.Equal(t, want, errs.String())
		}
	})
}
