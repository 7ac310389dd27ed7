package pack

import (
	"bytes"
	"math"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

func message(intent pipeline.Intent, channel uint32, payload []byte) *pipeline.Packet {
	p := &pipeline.Packet{Data: []byte("before"), Intent: intent, Channel: channel, Sequence: 1 << 40, Distance: 1023}
	p.SetPayload(payload)
	return p
}

// parsed checks the frame that Process appended to p.Data.
func parsed(t testing.TB, p *pipeline.Packet, size int) {
	require.Equal(t, "before", string(p.Data[:6]))
	var f wire.Frame
	require.Equal(t, size, f.Parse(p.Data[6:]))
	require.Len(t, p.Data, 6+size)
	require.Equal(t, p.Intent, pipeline.Intent(f.Type))
	require.Equal(t, p.Channel, f.Channel)
	require.Equal(t, string(p.Payload()), string(f.Payload))
	if p.Intent == pipeline.Reliable {
		require.Equal(t, p.Sequence, f.Seq)
		require.Equal(t, p.Distance, f.Distance)
	}
}

func TestPackedMessagesParse(t *testing.T) {
	for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
		for _, channel := range []uint32{0, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, math.MaxUint32} {
			for _, n := range []int{0, 1, 63, 64, 1200, 16383, 16384, 65000} {
				p := message(intent, channel, bytes.Repeat([]byte{7}, n))
				size := New().Size(p)
				require.Equal(t, pipeline.Accept, New().Process(p))
				parsed(t, p, size)
			}
		}
	}
}

func TestInvalidIntent(t *testing.T) {
	for _, intent := range []pipeline.Intent{0, 4, 255} {
		p := message(intent, 1, []byte("x"))
		require.Equal(t, DropIntent, New().Process(p))
		require.Equal(t, "before", string(p.Data))
	}
	require.Equal(t, []string{"intent"}, New().Reasons())
}

// The origin of a message is a frame before it, of any intent that can be packed. The
// announced size includes both.
func TestOriginPrecedesTheMessage(t *testing.T) {
	for intent := pipeline.Intent(0); intent <= pipeline.Reliable+1; intent++ {
		for _, within := range []uint32{0, 63, 64, math.MaxUint32} {
			p := message(intent, 7, []byte("payload"))
			p.Origin, p.Within = 1<<50, within
			size := New().Size(p)
			if intent < pipeline.Realtime || intent > pipeline.Reliable {
				require.Equal(t, DropIntent, New().Process(p))
				require.Equal(t, "before", string(p.Data))
				continue
			}
			require.Equal(t, pipeline.Accept, New().Process(p))
			require.Len(t, p.Data, 6+size)

			var f wire.Frame
			n := f.Parse(p.Data[6:])
			require.Equal(t, wire.FrameOrigin, f.Type)
			require.Equal(t, p.Origin, f.Time)
			require.Equal(t, within, f.Within)
			p.Data = append([]byte("before"), p.Data[6+n:]...)
			parsed(t, p, size-n)
		}
	}
}

func TestFrameTypesAreTheIntents(t *testing.T) {
	require.Equal(t, wire.FrameRealtime, FrameType(pipeline.Realtime))
	require.Equal(t, wire.FrameLatest, FrameType(pipeline.Latest))
	require.Equal(t, wire.FrameReliable, FrameType(pipeline.Reliable))
}

// The builder must recognise the stage as the packer.
func TestBuild(t *testing.T) {
	c, err := pipeline.NewOutbound(New()).Build()
	require.NoError(t, err)
	require.False(t, c.HasMessageStages())
	_, err = pipeline.NewOutbound(New(), second{New()}).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
}

type second struct{ *Stage }

func (second) Name() string { return "second" }

func TestProcessDoesNotAllocate(t *testing.T) {
	var s pipeline.Packer = New()
	buf, payload := make([]byte, 0, 1232), make([]byte, 100)
	p := new(pipeline.Packet)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for intent := pipeline.Realtime; intent <= pipeline.Reliable; intent++ {
			p.Reset(buf, p.Addr, 0)
			p.Intent, p.Channel = intent, 1<<20
			p.SetPayload(payload)
			if s.Process(p) != pipeline.Accept || len(p.Data) != s.Size(p) {
				t.Fatal("not packed as announced")
			}
		}
	}))
}

// FuzzStage: the attacker is the application, with any message. A packed message has
// the size that Size returned and parses to the same message.
func FuzzStage(f *testing.F) {
	f.Add(uint8(1), uint32(0), uint64(0), uint16(0), []byte{})
	f.Add(uint8(3), uint32(1<<30), uint64(1<<63), uint16(1023), bytes.Repeat([]byte{1}, 1200))
	f.Add(uint8(9), uint32(math.MaxUint32), uint64(0), uint16(0), []byte("x"))
	f.Fuzz(func(t *testing.T, intent uint8, channel uint32, seq uint64, distance uint16, payload []byte) {
		p := message(pipeline.Intent(intent), channel, payload)
		p.Distance = distance % (wire.MaxReliableDistance + 1)
		p.Sequence = max(seq, uint64(p.Distance))
		size := New().Size(p)
		if intent < 1 || intent > 3 {
			require.Equal(t, DropIntent, New().Process(p))
			require.Equal(t, "before", string(p.Data))
			return
		}
		require.Equal(t, pipeline.Accept, New().Process(p))
		parsed(t, p, size)
	})
}
