package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const keysStart = keysHeader + "\n"

// sealedKeys returns a keys file with these lines.
func sealedKeys(lines ...string) string {
	var sum keysSum
	b := []byte(keysStart)
	for _, line := range lines {
		b = sum.seal(b, []byte(line))
	}
	return string(b)
}

// epochLine is a valid line.
var epochLine = "epoch 1 2 3 4 1 dialer " + strings.Repeat("99", 32) + " " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 32) + " " + strings.Repeat("ef", 32)

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
			Own: key(), Peer: key(), Local: r.Uint32(), Remote: r.Uint32(), Seq: i, Suite: wire.AESGCM + wire.Suite(i%2), Dialer: i%2 == 0,
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

// A killed process may leave an incomplete line. The lines before it are valid.
func TestIncompleteKeys(t *testing.T) {
	text := sealedKeys("random 0102", epochLine, "random 03")
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

// Errors for a file that is not a keys file never quote it: it may be a private key
// named by mistake.
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
		_, err := ParseKeys(strings.NewReader(sealedKeys(line, "random 00")))
		require.ErrorIs(t, err, ErrKeys, line)
		require.Equal(t, "line 2: "+ErrKeys.Error(), err.Error(), "the error must quote nothing")
	}
	for _, text := range []string{"", "\n", "secret\n", word + "\n", keysHeader, keysName + "\n", keysName + word + "\n", " " + keysStart} {
		_, err := ParseKeys(strings.NewReader(text))
		require.ErrorIs(t, err, ErrKeys, text)
		require.Equal(t, ErrKeys.Error(), err.Error())
	}
	for _, text := range []string{keysHeader + " \n", keysHeader + "\r\n", strings.Replace(keysStart, "3", "2", 1), keysName + "4\n"} {
		_, err := ParseKeys(strings.NewReader(text))
		require.ErrorIs(t, err, ErrKeys, text)
		require.Equal(t, "recording: a keys file in another version of the format, or one with a damaged first line", err.Error())
	}
	_, err := ParseKeys(nil)
	require.EqualError(t, err, "recording: the reader of the keys is nil")
}

// sampleKeys are the lines of a small keys file.
func sampleKeys() []string {
	word := strings.Repeat("5e", 32)
	return []string{
		"recording " + word[:32], "static " + word, "where 5 [::1]:7", "random 00", "random 00", "random 0102", epochLine, "random 0102", "random 03", "end",
	}
}

// Lines that are missing, repeated, swapped, damaged or from another file are
// reported by number. The errors quote nothing.
func TestDamagedKeys(t *testing.T) {
	lines := strings.SplitAfter(sealedKeys(sampleKeys()...), "\n")
	lines = lines[:len(lines)-1]
	_, err := ParseKeys(strings.NewReader(strings.Join(lines, "")))
	require.NoError(t, err)
	requireDamaged := func(line int, damaged []string, name string) {
		_, err := ParseKeys(strings.NewReader(strings.Join(damaged, "")))
		require.ErrorIs(t, err, ErrKeys, "%s: line %d", name, line)
		require.ErrorContains(t, err, fmt.Sprintf("line %d: ", line), name)
		require.NotContains(t, err.Error(), "5e5e")
	}
	for i := 1; i < len(lines); i++ {
		requireDamaged(i+2, slices.Insert(slices.Clone(lines), i, lines[i]), "doubled")
		requireDamaged(i+1, slices.Insert(slices.Clone(lines), i, "random 00\n"), "inserted")
		if i == len(lines)-1 {
			continue // the file is only cut off
		}
		requireDamaged(i+1, slices.Delete(slices.Clone(lines), i, i+1), "lost")
		if lines[i] != lines[i+1] {
			swapped := slices.Clone(lines)
			swapped[i], swapped[i+1] = lines[i+1], lines[i]
			requireDamaged(i+1, swapped, "swapped")
		}
	}
	other := strings.SplitAfter(sealedKeys(append([]string{"recording " + strings.Repeat("5f", 16)}, sampleKeys()[1:]...)...), "\n")
	requireDamaged(5, append(slices.Clone(lines[:4]), other[4:]...), "of another recording")
}

// Every flipped bit in a keys file is an error, except in the line feed at its end:
// without that it is a file that was cut off.
func TestEachFlippedBitOfTheKeysIsFound(t *testing.T) {
	race.SkipHistory(t)
	whole := []byte(sealedKeys(sampleKeys()...))
	for bit := range 8 * (len(whole) - 1) {
		flipped := bytes.Clone(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		_, err := ParseKeys(bytes.NewReader(flipped))
		require.ErrorIs(t, err, ErrKeys, "bit %d of byte %d", bit%8, bit/8)
	}
	whole[len(whole)-1] ^= 1
	k, err := ParseKeys(bytes.NewReader(whole))
	require.NoError(t, err)
	require.False(t, k.Whole)
}

// endless reads as a line without an end.
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
	// A line just below the limit is read.
	n := (maxKeysLine - len("random ") - keysSealSize) / 2
	k, err := ParseKeys(strings.NewReader(sealedKeys("random " + strings.Repeat("00", n))))
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

// The attacker of FuzzParseKeys chooses the keys file. Any bytes are parsed or
// rejected, without being quoted, in memory bounded by a small multiple of their
// length. Parsed keys stay the same when they are written and parsed again. The
// bytes are tried as a file, and as lines with valid checksums.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(sealedKeys("where 5 [::1]:7", "static "+strings.Repeat("01", 32), "random 0102", epochLine)))
	f.Add([]byte("where 5 [::1]:7\nstatic " + strings.Repeat("01", 32) + "\nrandom 0102\n" + epochLine))
	f.Add([]byte("recording " + strings.Repeat("0a", 16) + "\nrandom 01"))
	f.Add([]byte("end\nend"))
	f.Add([]byte("PRIVATE"))
	f.Fuzz(func(t *testing.T, in []byte) {
		requireKeys(t, in)
		requireKeys(t, []byte(sealedKeys(strings.Split(string(in), "\n")...)))
	})
}

func requireKeys(t *testing.T, in []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	k, err := ParseKeys(bytes.NewReader(in))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+60*len(in)))
	if err != nil {
		require.ErrorIs(t, err, ErrKeys)
		text := regexp.MustCompile(`^line [0-9]+: `).ReplaceAllString(err.Error(), "")
		require.Contains(t, keysTexts, text, "the error must quote nothing")
		return
	}
	var file bytes.Buffer
	w := NewWriter(io.Discard, &file)
	w.append(&w.keys, []byte(keysStart))
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
}

// keysTexts are all error texts of ParseKeys.
var keysTexts = []string{
	ErrKeys.Error(),
	"recording: a keys file in another version of the format, or one with a damaged first line",
	"recording: it does not end with a checksum: the file is damaged there, copy it again",
	"recording: its checksum is wrong: this line is damaged, or lines before it are missing; copy the file again",
}
