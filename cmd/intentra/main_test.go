package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// Wrong input has an exit code of its own, and each message says what is wrong.
func TestWrongInput(t *testing.T) {
	s := newSite(t)
	bad := filepath.Join(s.dir, "bad")
	writeFile(t, bad, "not a key\n")
	private := filepath.Join(s.dir, "private") // has a bit that no public key has
	writeFile(t, private, intentra.PublicKey(bytes.Repeat([]byte{0xa5}, 32)).String()+"\n")
	missing := filepath.Join(s.dir, "missing")
	pub := func(more ...string) []string { return s.connect("pub", "127.0.0.1:1", s.alice, more...) }
	hub := func(more ...string) []string {
		return append([]string{"hub", "--listen", ":0", "--access", "any", "--key", s.server.file}, more...)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		words []string
	}{
		{"no command", nil, []string{"keygen", "--help"}},
		{"unknown command", []string{"fooo"}, []string{"intentra: \"fooo\" is not a command\n"}},
		{"misspelt command", []string{"pbu"}, []string{"\"pbu\" is not a command; did you mean \"pub\"?"}},
		{"missing number", []string{"demo", "--peers"}, []string{"--peers: its value is missing"}},
		{"missing address", []string{"hub", "--listen"}, []string{"--listen: its value is missing"}},
		{"missing key", []string{"pub", "--peer"}, []string{"--peer: its value is missing"}},
		{"missing file", []string{"keygen", "--out"}, []string{"--out: its value is missing"}},
		{"missing stage", []string{"replay", "--stage"}, []string{"--stage: its value is missing"}},
		{"missing duration", []string{"demo", "--duration"}, []string{"--duration: its value is missing"}},
		{"too many arguments", []string{"pubkey", bad, bad}, []string{"unexpected argument " + bad}},
		{"unknown flag", pub("--rat", "3"), []string{"--rat", "intentra pub --help"}},
		{"keygen without a file", []string{"keygen"}, []string{"--out"}},
		{"pubkey without a file", []string{"pubkey"}, []string{"<file>"}},
		{"pubkey of nothing", []string{"pubkey", missing}, []string{missing, "keygen"}},
		{"pubkey of no name", []string{"pubkey", ""}, []string{"<file>", "name is empty"}},
		{"keygen to standard output", []string{"keygen", "--out", "-"}, []string{"--out: -", "standard output"}},
		{"pubkey of another file", []string{"pubkey", bad}, []string{bad, "base64"}},

		{"pub without anything", []string{"pub"}, []string{"--connect", "--peer", "--key"}},
		{"pub: bad peer", []string{"pub", "--connect", "127.0.0.1:1", "--peer", "abc", "--key", s.alice.file}, []string{"--peer", "44 characters"}},
		{"pub: address without a port", []string{"pub", "--connect", "127.0.0.1", "--peer", s.server.public, "--key", s.alice.file}, []string{"--connect", "HOST:PORT"}},
		{"pub: port 0", []string{"pub", "--connect", "127.0.0.1:0", "--peer", s.server.public, "--key", s.alice.file}, []string{"from 1 to 65535"}},
		{"pub: port too large", []string{"pub", "--connect", "127.0.0.1:65536", "--peer", s.server.public, "--key", s.alice.file}, []string{"65535"}},
		{"pub: no host", []string{"pub", "--connect", ":4242", "--peer", s.server.public, "--key", s.alice.file}, []string{"HOST:PORT"}},
		{"pub: no key file", []string{"pub", "--connect", "127.0.0.1:1", "--peer", s.server.public, "--key", missing}, []string{missing, "keygen"}},
		{"pub: negative rate", pub("--rate=-1"), []string{"--rate", "-1"}},
		{"pub: no rate", pub("--rate=NaN"), []string{"--rate"}},
		{"pub: endless rate", pub("--rate=Inf"), []string{"--rate"}},
		{"pub: no number", pub("--rate=fast"), []string{"--rate", "fast"}},
		{"pub: unknown intent", pub("--intent", "urgent"), []string{"--intent", "realtime"}},
		{"pub: unknown suite", pub("--suite", "rot13"), []string{"--suite", "chachapoly"}},
		{"pub: channel too large", pub("--channel", "4294967296"), []string{"--channel"}},
		{"pub: no repetition", pub("--repeat", "0"), []string{"--repeat"}},

		{"pub: negative rate, apart", pub("--rate", "-1"), []string{"pub: --rate is -1;"}},
		{"pub: flag for a rate", pub("--rate", "--intent"), []string{"--rate: expected float value"}},
		{"pub to itself", []string{"pub", "--connect", "127.0.0.1:1", "--key", s.alice.file, "--peer", s.alice.public}, []string{"--peer is the public key of --key"}},
		{"pub: empty key file", []string{"pub", "--connect", "127.0.0.1:1", "--peer", s.server.public, "--key", ""}, []string{"--key: the file name is empty"}},
		{"pub: empty recording", pub("--record", ""), []string{"--record: the file name is empty"}},
		{"pub: empty keys of a recording", pub("--record", missing, "--record-keys="), []string{"--record-keys: the file name is empty"}},
		{"pub: recording to standard output", pub("--record", "-"), []string{"--record: -", "standard output"}},
		{"pub: keys to standard output", pub("--record", missing, "--record-keys=-"), []string{"--record-keys: -", "standard output"}},
		{"pub: recording exists", pub("--record", bad), []string{bad, "exists", "new file"}},

		{"sub without anything", []string{"sub"}, []string{"--key"}},
		{"sub without a side", []string{"sub", "--key", s.bob.file}, []string{"--listen", "--connect"}},
		{"sub on both sides", s.connect("sub", "127.0.0.1:1", s.bob, "--listen", ":0", "--allow", "any"), []string{"exclude"}},
		{"sub --connect --allow", s.connect("sub", "127.0.0.1:1", s.bob, "--allow", "any"), []string{"exclude"}},
		{"sub --listen --peer", []string{"sub", "--listen", ":0", "--allow", "any", "--peer", s.alice.public, "--key", s.bob.file}, []string{"exclude"}},
		{"sub without --allow", []string{"sub", "--listen", ":0", "--key", s.bob.file}, []string{"--allow"}},
		{"sub without --peer", []string{"sub", "--connect", "127.0.0.1:1", "--key", s.bob.file}, []string{"--peer"}},
		{"sub: bad address", []string{"sub", "--listen", "nowhere", "--allow", "any", "--key", s.bob.file}, []string{"--listen", "HOST:PORT"}},
		{"sub: no allow list", []string{"sub", "--listen", ":0", "--allow", missing, "--key", s.bob.file}, []string{missing}},
		{"sub: bad allow list", []string{"sub", "--listen", ":0", "--allow", bad, "--key", s.bob.file}, []string{bad, "line 1"}},
		{"sub: negative count", s.connect("sub", "127.0.0.1:1", s.bob, "--count=-1"), []string{"--count"}},
		{"sub: negative timeout", s.connect("sub", "127.0.0.1:1", s.bob, "--timeout=-1s"), []string{"--timeout"}},
		{"sub: no duration", s.connect("sub", "127.0.0.1:1", s.bob, "--timeout=soon"), []string{"--timeout"}},
		{"sub: bad metrics address", s.connect("sub", "127.0.0.1:1", s.bob, "--metrics", "9090"), []string{"--metrics", "HOST:PORT"}},

		{"sub: retry without a dial", []string{"sub", "--listen", ":0", "--allow", "any", "--key", s.bob.file, "--retry"}, []string{"--retry needs --connect"}},
		{"sub: suite without a dial", []string{"sub", "--listen", ":0", "--allow", "any", "--key", s.bob.file, "--suite", "chachapoly"}, []string{"--suite needs --connect"}},
		{"sub: negative count, apart", s.connect("sub", "127.0.0.1:1", s.bob, "--count", "-1"), []string{"--count: expected a valid 64 bit uint"}},
		{"sub to itself", []string{"sub", "--connect", "127.0.0.1:1", "--key", s.bob.file, "--peer", s.bob.public}, []string{"--peer is the public key of --key"}},
		{"sub: empty allow list", []string{"sub", "--listen", ":0", "--allow", "", "--key", s.bob.file}, []string{"--allow: the file name is empty"}},
		{"sub: empty metrics address", s.connect("sub", "127.0.0.1:1", s.bob, "--metrics", ""), []string{"--metrics", "HOST:PORT"}},
		{"sub: recording to standard output", s.connect("sub", "127.0.0.1:1", s.bob, "--record", "-"), []string{"--record: -"}},

		{"hub without anything", []string{"hub"}, []string{"--listen", "--key", "--access"}},
		{"hub: bad key file", []string{"hub", "--listen", ":0", "--access", "any", "--key", bad}, []string{bad}},
		{"hub: bad access list", []string{"hub", "--listen", ":0", "--access", bad, "--key", s.server.file}, []string{bad, "line 1"}},

		{"hub: recording to standard output", []string{"hub", "--listen", ":0", "--access", "any", "--key", s.server.file, "--record=-"}, []string{"--record: -"}},
		{"hub: empty access list", []string{"hub", "--listen", ":0", "--access=", "--key", s.server.file}, []string{"--access: the file name is empty"}},
		{"hub: its key for an access list", []string{"hub", "--listen", ":0", "--access", s.server.file, "--key", s.server.file}, []string{s.server.file, "private key file"}},
		{"hub: a key for an access list", []string{"hub", "--listen", ":0", "--access", private, "--key", s.server.file}, []string{private, "private key file"}},

		{"pub: code point too large", pub("--dscp", "64"), []string{"pub: --dscp is 64; give 0 to 63"}},
		{"pub: negative code point", pub("--dscp", "-1"), []string{"pub: --dscp is -1; give 0 to 63"}},
		{"pub: no device", pub("--device="), []string{"--device: the interface name is empty"}},
		{"sub: code point too large", s.connect("sub", "127.0.0.1:1", s.bob, "--dscp", "64"), []string{"--dscp is 64"}},
		{"hub: code point too large", hub("--dscp", "64"), []string{"--dscp is 64"}},
		{"pub: bandwidth too small", pub("--peer-bandwidth", "100"), []string{"pub: --peer-bandwidth is 100; give 4096 to 1073741824"}},
		{"hub: no handshakes", hub("--max-handshakes", "0"), []string{"hub: --max-handshakes is 0; give 1 to 65536"}},
		{"hub: negative handshakes", hub("--max-handshakes-per-address", "-1"), []string{"--max-handshakes-per-address is -1"}},
		{"hub: no handshake rate", hub("--handshake-rate", "0"), []string{"hub: --handshake-rate is 0; give 1 to 1048576"}},
		{"hub: more for one address", hub("--max-handshakes=4", "--max-handshakes-per-address=5"), []string{"is 5, above --max-handshakes, which is 4"}},
		{"hub: more for one address than by default", hub("--max-handshakes-per-address=65536"), []string{"is 65536, above --max-handshakes"}},
		{"sub: no handshake rate", []string{"sub", "--listen", ":0", "--allow", "any", "--key", s.bob.file, "--handshake-rate=0"}, []string{"--handshake-rate is 0"}},
		{"sub --connect --handshake-rate", s.connect("sub", "127.0.0.1:1", s.bob, "--handshake-rate=9"), []string{"need --listen"}},

		{"demo: one peer", []string{"demo", "--peers", "1"}, []string{"--peers"}},
		{"demo: too many peers", []string{"demo", "--peers", "1000000"}, []string{"--peers"}},
		{"demo: no rate", []string{"demo", "--rate", "0"}, []string{"--rate"}},
		{"demo: next to no rate", []string{"demo", "--rate", "1e-12"}, []string{"0.001 to 100000"}},
		{"demo: small states", []string{"demo", "--size", "23"}, []string{"--size", "24"}},
		{"demo: large states", []string{"demo", "--size", "70000"}, []string{"--size", "at most"}},
		{"demo: no duration", []string{"demo", "--duration", "0s"}, []string{"--duration"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, run(tt.args, strings.NewReader("x\n"), &stdout, &stderr), stderr.String())
			require.Empty(t, stdout.String())
			require.True(t, strings.HasPrefix(stderr.String(), "intentra: "), stderr.String())
			for _, w := range tt.words {
				require.Contains(t, stderr.String(), w)
			}
			require.NotContains(t, stderr.String(), "listening")
			require.NotContains(t, stderr.String(), "perhaps try")
			require.NoFileExists(t, "-")
			require.NoFileExists(t, missing)
		})
	}
}

// A flag with one value that is given twice is refused, whatever its type: the last
// one must not win silently.
func TestFlagGivenTwice(t *testing.T) {
	var l grammar
	for _, command := range kong.Must(&l, helpVars).Model.Leaves(false) {
		for _, flag := range command.Flags {
			if flag.Name == "help" || flag.IsCumulative() {
				continue
			}
			word := "--" + flag.Name
			if !flag.IsBool() {
				word += "=" + exampleOf(t, flag)
			}
			args := append(strings.Fields(command.Path()), word, word)
			for _, other := range command.Flags {
				if other.Required && other != flag {
					args = append(args, "--"+other.Name+"="+exampleOf(t, other))
				}
			}
			for range command.Positional {
				args = append(args, "file")
			}
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, run(args, strings.NewReader(""), &stdout, &stderr), "%q: %s", args, &stderr)
			require.Contains(t, stderr.String(), "--"+flag.Name+" is given more than once", "%q", args)
			require.Contains(t, stderr.String(), "See '"+strings.Join(strings.Fields("intentra "+command.Path()), " ")+" --help'")
		}
	}
}

// exampleOf returns a valid value of a flag.
func exampleOf(t *testing.T, flag *kong.Flag) string {
	t.Helper()
	switch flag.Target.Interface().(type) {
	case listenAddress, hubAddress, dialAddress:
		return "127.0.0.1:1"
	case intentra.PublicKey:
		key, err := intentra.GenerateKey()
		require.NoError(t, err)
		return key.Public().String()
	case time.Duration, *time.Duration:
		return "1s"
	}
	switch {
	case flag.Enum != "":
		return flag.EnumSlice()[0]
	case flag.Target.Kind() == reflect.String:
		return "name"
	}
	return "1"
}

// A shortage of descriptors, memory or disk space is not blamed on a file that is named
// on the command line.
func TestShortageIsNotWrongInput(t *testing.T) {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOSPC} {
		open := &fs.PathError{Op: "open", Path: "hub.key", Err: shortage}
		for name, err := range map[string]error{
			"usage": usage(open), "usagef": usagef("replay: %w; try again", open), "removed": errors.Join(errors.New("x"), usagef("%w", open)),
		} {
			var stderr bytes.Buffer
			require.Equal(t, exitFailure, report(&environment{stderr: &stderr}, err), "%s: %v", name, err)
			require.Equal(t, shortage == syscall.EMFILE, strings.Contains(stderr.String(), "'ulimit -n'"), stderr.String())
		}
	}
	require.Equal(t, exitUsage, report(&environment{stderr: io.Discard}, usage(fs.ErrNotExist)))
	require.Empty(t, newFileHint(syscall.EMFILE))
	require.NotEmpty(t, newFileHint(syscall.EEXIST))
}

func TestHelp(t *testing.T) {
	for args, words := range map[string]string{
		"--help": "Exit codes:", "keygen --help": "--out", "pubkey --help": "<file>", "pub --help": "--intent",
		"sub --help": "SIGHUP", "hub --help": "--access", "topics --help": "--json", "top --help": "--interval", "demo --help": "--duration", "version --help": "version",
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run(strings.Fields(args), nil, &stdout, &stderr), args)
		require.Contains(t, stdout.String(), words)
		require.Empty(t, stderr.String())
	}
}

// brokenOutput fails every write.
type brokenOutput struct{ err error }

func (b brokenOutput) Write([]byte) (int, error) { return 0, b.err }

// Output that cannot be written is a failure, not wrong input; a reader that has
// gone is neither.
func TestOutputFails(t *testing.T) {
	for _, args := range []string{"--help", "pub --help", "version"} {
		var stderr bytes.Buffer
		require.Equal(t, exitFailure, run(strings.Fields(args), nil, brokenOutput{syscall.ENOSPC}, &stderr), args)
		require.Equal(t, "intentra: "+syscall.ENOSPC.Error()+"\n", stderr.String(), args)
		require.Equal(t, exitOK, run(strings.Fields(args), nil, brokenOutput{syscall.EPIPE}, &stderr), args)
	}
}

// A list without keys is accepted with a warning, because keys may be added later.
func TestWarningAboutEmptyAllowList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	writeFile(t, s.allow, "# no keys yet\n")
	for command, list := range map[string]string{"hub": "access", "sub": "allow"} {
		r := s.listen(t, command)
		require.Contains(t, r.stderr.line(t, "warning"), s.allow+": the "+list+" list has no keys, so no peer may connect")
		r.address()
		r.interrupt()
		r.succeed()
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer c.Close()
	for command, list := range map[string]string{"sub": "--allow", "hub": "--access"} {
		start(t, nil, command, "--listen", c.LocalAddr().String(), "--key", s.server.file, list, "any").
			fail(exitFailure, c.LocalAddr().String(), "in use")
	}
}
