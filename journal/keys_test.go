package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const keysStart = keysHeader + "\n"

// epochLine is a line that holds.
var epochLine = "epoch 1 2 3 4 1 dialer " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 32) + " " + strings.Repeat("ef", 32)

func TestKeysRoundTrip(t *testing.T) {
	r := seed.Rand(t)
	key := func() (k [32]byte) {
		for i := range k {
			k[i] = byte(r.Uint32())
		}
		return k
	}
	want := Keys{Origin: -r.Int64(), Local: addrPort("[fe80::1%eth0]:7")}
	var file bytes.Buffer
	w := NewWriter(io.Discard, &file)
	w.head()
	want.Recording, want.Whole = w.id, true
	require.Len(t, w.id, 32)
	for range 3 {
		want.Statics = append(want.Statics, key())
		w.static(want.Statics[len(want.Statics)-1])
		b := key()
		n := 1 + r.IntN(32)
		want.Random = append(want.Random, b[:n]...)
		w.random(b[:n])
	}
	w.where(want.Origin, want.Local)
	for i := range uint32(4) {
		e := Epoch{At: pipeline.Time(r.Int64()), EpochKeys: conn.EpochKeys{
			Peer: key(), Local: r.Uint32(), Remote: r.Uint32(), Seq: i, Suite: wire.AESGCM + wire.Suite(i%2), Dialer: i%2 == 0,
			Send: key(), Receive: key(),
		}}
		want.Epochs = append(want.Epochs, e)
		w.epoch(e.EpochKeys, e.At)
	}
	w.ended()
	require.NoError(t, w.Close())
	got, err := ParseKeys(&file)
	require.NoError(t, err)
	require.Equal(t, want, *got)
}

// A recorder that was killed leaves part of a line; what is before it holds.
func TestKeysWithoutTheirEnd(t *testing.T) {
	text := keysStart + "random 0102\n" + epochLine + "\nrandom 03\n"
	for cut := len(keysStart); cut <= len(text); cut++ {
		k, err := ParseKeys(strings.NewReader(text[:cut]))
		require.NoError(t, err, "cut to %d bytes", cut)
		lines := strings.Count(text[:cut], "\n")
		require.Equal(t, []byte{1, 2, 3}[:min(max(lines-1, 0)*2, 2)+max(lines-3, 0)], append([]byte{}, k.Random...))
		require.Len(t, k.Epochs, min(max(lines-2, 0), 1))
		require.False(t, k.Whole)
	}
	for cut := range keysStart {
		_, err := ParseKeys(strings.NewReader(text[:cut]))
		require.ErrorIs(t, err, ErrKeys)
	}
}

// What is no keys file is refused, without a word of what it holds: it may be a
// private key that was given by mistake.
func TestMalformedKeys(t *testing.T) {
	word := strings.Repeat("5e", 32)
	epoch := func(place int, is string) string {
		words := strings.Split(epochLine, " ")
		words[place] = is
		return strings.Join(words, " ")
	}
	for _, line := range []string{
		"", " ", "secret", "static", "static " + word[2:], "static " + word + "00", "static " + word[2:] + "zz", "static " + word + " ",
		"static  " + word, "random", "random 5e5", "random 5e 5e", "random xx", "where", "where 5", "where x 1.2.3.4:5", "where 5 1.2.3.4",
		"recording", "recording ", "recording 5e", "recording " + word, "recording zz" + word[:30], "end ", "end 1", "ended",
		"where 99999999999999999999 1.2.3.4:5", "where 5 1.2.3.4:5 6", "STATIC " + word, "static " + word + "\r", "epoch " + word,
		epoch(1, "x"), epoch(1, "9999999999999999999999"), epoch(2, "-1"), epoch(2, "4294967296"), epoch(3, ""), epoch(4, "4294967296"),
		epoch(5, "0"), epoch(5, "9"), epoch(5, "257"), epoch(6, "Dialer"), epoch(6, ""), epoch(7, word+"00"), epoch(8, word[1:]), epoch(9, "zz"+word[2:]),
		epochLine + " ", "intentra keys 2",
	} {
		_, err := ParseKeys(strings.NewReader(keysStart + line + "\nrandom 00\n"))
		require.ErrorIs(t, err, ErrKeys, line)
		require.Equal(t, "line 2: "+ErrKeys.Error(), err.Error(), "it quotes nothing")
	}
	for _, text := range []string{"", "\n", "secret\n", word + "\n", keysHeader, keysHeader + " \n", " " + keysStart, keysHeader + "\r\n"} {
		_, err := ParseKeys(strings.NewReader(text))
		require.ErrorIs(t, err, ErrKeys, text)
		require.Equal(t, ErrKeys.Error(), err.Error())
	}
}

// endless is a line without an end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	e.read += len(b)
	return len(b), nil
}

func TestHugeLineIsBounded(t *testing.T) {
	in := new(endless)
	_, err := ParseKeys(io.MultiReader(strings.NewReader(keysStart), in))
	require.ErrorIs(t, err, ErrKeys)
	require.Less(t, in.read, 2*maxKeysLine)
	// One that is just short of the bound is read.
	n := (maxKeysLine - len("random \n")) / 2
	k, err := ParseKeys(strings.NewReader(keysStart + "random " + strings.Repeat("00", n) + "\n"))
	require.NoError(t, err)
	require.Len(t, k.Random, n)
}

func TestReadKeys(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.keys")
	_, err := ReadKeys(name)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(name, []byte("PRIVATE\n"), 0o600))
	_, err = ReadKeys(name)
	require.ErrorIs(t, err, ErrKeys)
	require.Contains(t, err.Error(), name)
	require.NotContains(t, err.Error(), "PRIVATE")
	broken := errors.New("broken")
	_, err = ParseKeys(io.MultiReader(strings.NewReader(keysStart), errReader{broken}))
	require.ErrorIs(t, err, broken)
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

// FuzzParseKeys is whoever names a file as the keys: any bytes are keys or are
// refused, quoting nothing, in memory that a small multiple of them bounds; and
// what is read is read the same when it is written again.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(keysStart + "where 5 [::1]:7\nstatic " + strings.Repeat("01", 32) + "\nrandom 0102\n" + epochLine + "\n"))
	f.Add([]byte(keysStart + "recording " + strings.Repeat("0a", 16) + "\nrandom 01"))
	f.Add([]byte(keysStart + "end\nend\n"))
	f.Add([]byte("PRIVATE"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		k, err := ParseKeys(bytes.NewReader(in))
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+60*len(in)))
		if err != nil {
			require.ErrorIs(t, err, ErrKeys)
			var line int
			fmt.Sscanf(err.Error(), "line %d:", &line)
			require.Contains(t, []string{ErrKeys.Error(), fmt.Sprintf("line %d: %s", line, ErrKeys)}, err.Error())
			return
		}
		var file bytes.Buffer
		w := NewWriter(io.Discard, &file)
		w.secret([]byte(keysStart))
		for _, s := range k.Statics {
			w.static(s)
		}
		if len(k.Random) > 0 {
			w.random(k.Random[:min(len(k.Random), maxKeysLine/4)])
		}
		for _, e := range k.Epochs {
			w.epoch(e.EpochKeys, e.At)
		}
		if k.Local.IsValid() {
			w.where(k.Origin, k.Local)
		}
		require.NoError(t, w.Close())
		again, err := ParseKeys(&file)
		require.NoError(t, err)
		require.Equal(t, k.Statics, again.Statics)
		require.Equal(t, k.Epochs, again.Epochs)
		require.Equal(t, k.Local, again.Local)
		require.True(t, bytes.HasPrefix(k.Random, again.Random))
	})
}
