package pipeline_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

// Nothing of a packet is left in the next one.
func TestReset(t *testing.T) {
	p := &Packet{Reply: make([]byte, 5, 128), Peer: 1, Session: 2, Epoch: 3, EpochSeq: 4, Counter: 5, Channel: 6, Intent: Reliable}
	p.SetPlaintext([]byte("old"))
	p.MarkFresh()
	p.Strike()
	p.LeaveUnacknowledged()

	data, addr := []byte("new"), netip.MustParseAddrPort("192.0.2.1:9")
	p.Reset(data, addr, 42)
	require.Equal(t, 128, cap(p.Reply))
	want := &Packet{Data: data, Addr: addr, Now: 42, Reply: []byte{}}
	require.Equal(t, want, p)
	require.Nil(t, p.Payload())
	require.False(t, p.Opened() || p.Fresh() || p.Struck() || p.Unacknowledged())
}

// Strikes count only against the peer that sent the packet.
func TestStrikeCountsOnlyForFreshPackets(t *testing.T) {
	var p Packet
	p.Strike()
	require.False(t, p.Struck(), "anyone could have sent it")
	p.SetPlaintext(nil)
	require.False(t, p.Struck(), "it may be a replay")
	p.MarkFresh()
	require.True(t, p.Struck())

	p = Packet{}
	p.MarkFresh()
	require.False(t, p.Struck())
}

func TestPlaintext(t *testing.T) {
	var p Packet
	p.SetPayload([]byte("message"))
	require.False(t, p.Opened(), "only SetPlaintext does that")
	p.SetPlaintext([]byte("frames"))
	require.True(t, p.Opened())
	require.Equal(t, "frames", string(p.Payload()))
}

func TestIntentNames(t *testing.T) {
	require.Equal(t, "realtime latest reliable", Realtime.String()+" "+Latest.String()+" "+Reliable.String())
	require.Equal(t, "realtime", Intent(0).String())
	require.Equal(t, "invalid", Intent(4).String())
}
