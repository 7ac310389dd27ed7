package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Failed calls are recorded as trouble until one succeeds, for reading and writing.
func TestPortableTroubleEnds(t *testing.T) {
	c := listen(t, loopback4, Config{Portable: true})
	p := c.sock.(*portable)
	broadcast := wire.Datagram{Addr: netip.MustParseAddrPort("255.255.255.255:9"), Data: []byte("x")}
	n, err := c.WriteBatch([]wire.Datagram{broadcast})
	require.NoError(t, err)
	require.Zero(t, n)
	if c.Stats().WriteLoss[LossAddress] > 0 {
		t.Skip("the broadcast address is not valid on this system")
	}
	require.False(t, p.writing.since.IsZero(), "a failed write is not recorded")

	p.reading.since = time.Unix(1, 0) // as after a failed read
	send(t, c, to(c.LocalAddr(), "x"))
	require.True(t, p.writing.since.IsZero(), "a successful write does not end the trouble")
	receive(t, c, 1)
	require.True(t, p.reading.since.IsZero(), "a successful read does not end the trouble")
}

// A datagram is sent although earlier ones have used up the time for the batch.
func TestPortableRetriesAfterTheDeadline(t *testing.T) {
	c := listen(t, loopback4, Config{Portable: true})
	p := c.sock.(*portable)
	require.NoError(t, p.SetWriteDeadline(longAgo))
	require.NoError(t, p.writeOne(to(c.LocalAddr(), "x")))
	receive(t, c, 1)
}

func TestSourceGone(t *testing.T) {
	for l := range Loss(numLoss) {
		require.Equal(t, l == LossAddress || l == LossUnreachable, sourceGone(l), l)
	}
}
