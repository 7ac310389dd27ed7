package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Failed reads and writes are recorded as trouble until one of the same kind succeeds.
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
	require.False(t, p.writing.since.IsZero(), "the failed write was not recorded")

	p.reading.since = time.Unix(1, 0) // as after a failed read
	send(t, c, to(c.LocalAddr(), "x"))
	require.True(t, p.writing.since.IsZero(), "the successful write did not end the trouble")
	receive(t, c, 1)
	require.True(t, p.reading.since.IsZero(), "the successful read did not end the trouble")
}

// A datagram is sent even if earlier ones have used up the time for the batch.
func TestPortableRetriesAfterTheDeadline(t *testing.T) {
	c := listen(t, loopback4, Config{Portable: true})
	p := c.sock.(*portable)
	require.NoError(t, p.SetWriteDeadline(longAgo))
	require.NoError(t, p.writeOne(to(c.LocalAddr(), "x")))
	receive(t, c, 1)
}

// Only these losses may mean that the host no longer has the source address.
func TestSourceGone(t *testing.T) {
	for l := range Loss(numLoss) {
		require.Equal(t, l == LossAddress || l == LossUnreachable, sourceGone(l), l)
	}
}
