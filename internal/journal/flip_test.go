package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// short is a recording of a few entries, two of them packets.
func short(t testing.TB) []byte {
	a, b := record(t, 1, true), record(t, 2, false)
	static, err := conn.NewIdentity(b.private)
	require.NoError(t, err)
	now := pipeline.Time(time.Hour)
	p, err := a.Dial(static.Public(), now)
	require.NoError(t, err)
	a.Events()
	a.SetAddress(p, b.addr, now)
	for j := a.PollJob(); j != nil; j = a.PollJob() {
		j.Run()
		a.HandleJob(j, now)
	}
	a.Flush(now)
	require.NotEmpty(t, a.Outgoing())
	a.HandleDatagram([]byte("who are you?"), b.addr, now)
	a.Close(wire.CloseShutdown, now)
	a.Finish()
	require.NoError(t, a.w.Close())
	require.NoError(t, b.w.Close())
	return a.capture.Bytes()
}

// spans are the bytes of a recording that are an entry with all that makes it one:
// custom blocks from end to end, and the options of packets, by their first byte.
func spans(t testing.TB, b []byte) (custom, options map[int]int) {
	le := binary.LittleEndian
	custom, options = map[int]int{}, map[int]int{}
	for at := 0; at < len(b); {
		n := int(le.Uint32(b[at+4:]))
		switch le.Uint32(b[at:]) {
		case 0xbad:
			custom[at] = at + n
		case 6:
			o := at + 28 + (int(le.Uint32(b[at+20:]))+3)&^3
			for le.Uint16(b[o:]) != 2988 {
				o += 4 + (int(le.Uint16(b[o+2:]))+3)&^3
			}
			options[o] = o + 4 + int(le.Uint16(b[o+2:]))
		}
		at += n
	}
	return custom, options
}

// Of each bit that is changed in an entry a reader hears, wherever it is: in the
// text, in front of it or behind it. Nothing is left out but, behind the text of a
// packet's entry, up to three bytes to the next word; and packets themselves, which
// the replay is to judge.
func TestEachFlippedBitIsFound(t *testing.T) {
	whole := short(t)
	all, err := items(t, whole)
	require.Equal(t, io.EOF, err)
	custom, options := spans(t, whole)
	require.Len(t, options, 2)
	require.Len(t, all, len(custom)+len(options))
	step := 1
	if testing.Short() {
		step = 7 // each of a byte's bits in turn
	}
	for kind, spans := range map[string]map[int]int{"custom block": custom, "option": options} {
		for from, to := range spans {
			for bit := from * 8; bit < to*8; bit += step {
				flipped := bytes.Clone(whole)
				flipped[bit/8] ^= 1 << (bit % 8)
				_, err := items(t, flipped)
				require.True(t, errors.Is(err, journal.ErrCapture), "%s at byte %d, bit %d of byte %d: %v", kind, from, bit%8, bit/8-from, err)
			}
		}
	}
}

// An entry costs the Writer no memory of its own: what is allocated is its text.
func TestEntriesAreWrittenWithoutGarbage(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates by itself, more or less of it")
	}
	e := record(t, 1, false)
	now := pipeline.Time(time.Hour)
	datagram := []byte("who are you?")
	work := func() { e.HandleDatagram(datagram, e.addr, now); e.Flush(now) }
	for range 200 {
		work() // buffers grow
	}
	recorded := testing.AllocsPerRun(500, work)
	require.NoError(t, e.w.Close())
	// Two entries at three each, for json.Marshal and the comment.
	require.LessOrEqual(t, recorded, 9.0)
}

// Behind an error of the disk nothing is made up that would be thrown away.
func TestNothingIsRecordedBehindAnError(t *testing.T) {
	full := errors.New("no space left")
	cfg := config(t, 1)
	delivered := 0
	cfg.Deliver = func(*conn.Peer, *pipeline.Packet) bool { delivered++; return true }
	w := journal.NewWriter(failingWriter{full}, nil)
	core, err := journal.New(cfg, w, 0)
	require.NoError(t, err)
	require.NoError(t, core.Begin(addr(1)))
	require.ErrorIs(t, w.Close(), full)
	now := pipeline.Time(time.Hour)
	datagram := []byte("who are you?")
	allocs := testing.AllocsPerRun(500, func() { core.HandleDatagram(datagram, addr(2), now) })
	require.Zero(t, allocs)
	core.Finish()
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
