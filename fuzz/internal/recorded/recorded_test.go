package recorded

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// The embedded recording has every type of packet and frame of an honest session without
// roaming.
func TestRecordingIsComplete(t *testing.T) {
	r := Read()
	packets := map[wire.PacketType]int{}
	for _, d := range r.Datagrams {
		h, fault := wire.ParseHeader(d)
		require.Equal(t, wire.FaultNone, fault)
		packets[h.Type]++
	}
	for kind := wire.TypeData; kind <= wire.TypeCookie; kind++ {
		require.NotZero(t, packets[kind], "packets of type %d", kind)
	}
	frames := map[wire.FrameType]int{}
	for _, b := range r.Frames {
		for len(b) > 0 {
			var f wire.Frame
			n := f.Parse(b)
			require.NotZero(t, n)
			frames[f.Type]++
			b = b[n:]
		}
	}
	for _, kind := range []wire.FrameType{
		wire.FrameRealtime, wire.FrameLatest, wire.FrameReliable, wire.FrameAck, wire.FramePing, wire.FrameRekey, wire.FrameClose,
	} {
		require.NotZero(t, frames[kind], "frames of type %d", kind)
	}
	require.NotEmpty(t, r.Messages)
}

func TestParse(t *testing.T) {
	r, err := parse("# comment\nmessage 0102\nmessage \nframes 00\ndatagram ff\n")
	require.NoError(t, err)
	require.Equal(t, Exchange{[][]byte{{0xff}}, [][]byte{{0}}, [][]byte{{1, 2}, {}}}, r)
	for _, bad := range []string{"message 0", "message zz", "massage 00", "message 00 00"} {
		_, err := parse(bad)
		require.ErrorContains(t, err, "line 1", bad)
	}
}
