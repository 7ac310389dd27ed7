package intentra_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// requireConserved checks that in = accepted + consumed + all drops.
func requireConserved(t *testing.T, what string, c pipeline.Counts) {
	t.Helper()
	var packets, messages uint64
	for _, d := range c.Drops {
		packets += d.Packets
		messages += d.Messages
	}
	require.Equal(t, c.Packets.In, c.Packets.Accepted+c.Packets.Consumed+packets, "%s packets", what)
	require.Equal(t, c.Messages.In, c.Messages.Accepted+c.Messages.Consumed+messages, "%s messages", what)
}

// Once nothing is under way, every packet and every message counts as exactly one of
// accepted, consumed or dropped, and the counters agree with each other.
func TestCountersAgree(t *testing.T) {
	ctx := loopback.Context(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var packets []uint64
	handle, _ := loopback.Messages()
	l := loopback.Listen(t, intentra.Config{Handler: handle, Stages: func(s *stages.Set) error {
		s.InsertAfter("ack", geofence(&packets))
		return nil
	}})
	stranger, err := net.Dial("udp", l.LocalAddr().String())
	require.NoError(t, err)
	defer stranger.Close()
	var peers []*intentra.Peer
	for range 3 {
		peers = append(peers, loopback.Dial(t, l, intentra.Config{RekeyAfterPackets: 16}))
	}
	sent := uint64(0)
	for i := range 3000 {
		m := intentra.Message{Channel: random.Uint32N(5), Intent: intents[random.IntN(3)], Payload: fmt.Append(nil, i)}
		if random.IntN(4) == 0 {
			m.Payload = append([]byte("x"), make([]byte, random.IntN(1000))...)
		}
		if peers[random.IntN(3)].Send(m).Err == nil {
			sent++
		}
		if random.IntN(10) == 0 {
			garbage := make([]byte, random.IntN(100))
			for i := range garbage {
				garbage[i] = byte(random.Uint32())
			}
			if len(garbage) > 0 && random.IntN(2) == 0 {
				garbage[0] = byte(random.IntN(6)) // so that some pass the first stages
			}
			_, err := stranger.Write(garbage)
			require.NoError(t, err)
		}
	}
	var superseded, packed uint64
	for _, p := range peers {
		require.NoError(t, p.Transport().Shutdown(ctx))
		s := p.Transport().Stats()
		requireConserved(t, "out", s.Out)
		requireConserved(t, "in", s.In)
		require.Equal(t, s.PacketsIn, s.In.Packets.In)
		require.Equal(t, s.PacketsIn, s.Socket.Received)
		require.Equal(t, s.PacketsOut, s.Socket.Sent+s.Socket.WriteLoss.Total())
		require.Equal(t, s.BytesOut, s.Socket.SentBytes)
		superseded += s.Superseded + loopback.Count(t, s.SendDrops, "displaced")
		packed += s.MessagesOut
		ps := p.Stats()
		require.Equal(t, ps.MessagesOut, ps.Acked+ps.Lost)
	}
	require.Equal(t, sent, superseded+packed, "messages queued = superseded + packed")
	require.NoError(t, l.Close())
	s := l.Stats()
	requireConserved(t, "in", s.In)
	requireConserved(t, "out", s.Out)
	require.Equal(t, s.PacketsIn, s.In.Packets.In)
	require.Equal(t, s.PacketsIn, s.Socket.Received)
	require.Equal(t, s.BytesIn, s.Socket.ReceivedBytes)
	require.Equal(t, s.PacketsOut, s.Socket.Sent+s.Socket.WriteLoss.Total())
	require.Equal(t, s.MessagesIn, s.In.Messages.Accepted)
	require.Positive(t, loopback.Drops(t, s.In, "geofence", "outside").Messages)
	require.Zero(t, s.ReorderBytes)
	require.Zero(t, s.Sessions)
	require.Positive(t, s.Uptime)
	var in uint64
	for _, p := range peers {
		theirs, known := l.Peer(p.Transport().PublicKey())
		require.True(t, known)
		ps := theirs.Stats()
		in += ps.MessagesIn
		require.Equal(t, p.Transport().PublicKey(), ps.Key)
		require.False(t, ps.Connected)
	}
	require.Equal(t, s.MessagesIn, in)
}

func TestRoundTripTimeIsMeasured(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	require.NoError(t, p.SendWait(ctx, loopback.Reliable("x")))
	loopback.Eventually(t, ctx, "a sample", func() bool {
		s := p.Stats()
		return s.RTT > 0 && s.RTTMin > 0 && s.Acked == 1
	})
	require.True(t, p.Stats().Connected)
	require.Equal(t, l.LocalAddr(), p.Stats().Addr)
}
