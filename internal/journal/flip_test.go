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

// short returns a recording of a few entries, two of them with packets.
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
	a.HandleDatagram(wire.Datagram{Data: []byte("who are you?"), Addr: b.addr}, now)
	a.Close(wire.CloseShutdown, now)
	a.Finish()
	require.NoError(t, a.w.Close())
	require.NoError(t, b.w.Close())
	return a.capture.Bytes()
}

// spans returns where the entries of a recording are: custom blocks and options of
// packets, each from the offset of its first byte to that after its last.
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

// Every flipped bit of an entry is an error, in its text as well as in the headers
// around it. Only the padding after an option and the packets themselves are not
// covered; the replay judges the packets.
func TestEachFlippedBitIsFound(t *testing.T) {
	race.SkipHistory(t)
	whole := short(t)
	all, err := items(t, whole)
	require.Equal(t, io.EOF, err)
	custom, options := spans(t, whole)
	require.Len(t, options, 2)
	require.Len(t, all, len(custom)+len(options))
	step := 1
	if testing.Short() {
		step = 7 // another bit of each byte
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

// The Writer allocates nothing for an entry except its text.
func TestEntriesAreWrittenWithoutGarbage(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates too")
	}
	e := record(t, 1, false)
	now := pipeline.Time(time.Hour)
	datagram := []byte("who are you?")
	work := func() { e.HandleDatagram(wire.Datagram{Data: datagram, Addr: e.addr}, now); e.Flush(now) }
	for range 200 {
		work() // let buffers grow
	}
	recorded := testing.AllocsPerRun(500, work)
	require.NoError(t, e.w.Close())
	// Two entries, with about three allocations each for json.Marshal and the comment.
	require.LessOrEqual(t, recorded, 9.0)
}

// After an error of the disk no entry is encoded any more.
func TestNothingIsRecordedAfterAnError(t *testing.T) {
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
	allocs := testing.AllocsPerRun(500, func() { core.HandleDatagram(wire.Datagram{Data: datagram, Addr: addr(2)}, now) })
	require.Zero(t, allocs)
	core.Finish()
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }
