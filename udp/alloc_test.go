package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Sending and receiving a batch does not allocate.
func TestNoAllocation(t *testing.T) {
	for _, addr := range []netip.AddrPort{loopback4, loopback6, dualStack} {
		eachSocket(t, func(t *testing.T, cfg Config) {
			a, b := listen(t, addr, cfg), listen(t, addr, cfg)
			self := loopback4.Addr()
			if addr == loopback6 {
				self = loopback6.Addr()
			}
			src := make([]wire.Datagram, 16)
			for i := range src {
				src[i] = wire.Datagram{Data: make([]byte, 100), Addr: at(b, self)}
			}
			dst := make([]wire.Datagram, 64)
			moved := 0
			require.Zero(t, testing.AllocsPerRun(100, func() {
				// On a busy machine the write deadline may pass in the middle of
				// a batch. The rest of the batch is lost then.
				sent, err := a.WriteBatch(src)
				if err != nil {
					t.Fatal(err)
				}
				moved += sent
				for n := 0; n < sent; {
					b.SetReadDeadline(time.Now().Add(time.Hour))
					got, err := b.ReadBatch(dst)
					if err != nil {
						t.Fatal(err)
					}
					n += got
				}
			}))
			require.NotZero(t, moved)
		})
	}
}

// BenchmarkLoopback sends batches of 64 datagrams of 1,200 bytes from one socket to
// another on the loopback interface.
func BenchmarkLoopback(b *testing.B) {
	for _, portable := range []bool{false, true} {
		name := map[bool]string{false: "native", true: "portable"}[portable]
		b.Run(name, func(b *testing.B) {
			from, err := Listen(loopback4, Config{Portable: portable})
			require.NoError(b, err)
			defer from.Close()
			to, err := Listen(loopback4, Config{Portable: portable})
			require.NoError(b, err)
			defer to.Close()
			src, dst := make([]wire.Datagram, 64), make([]wire.Datagram, 64)
			for i := range src {
				src[i] = wire.Datagram{Data: make([]byte, 1200), Addr: to.LocalAddr()}
			}
			b.ReportAllocs()
			b.SetBytes(64 * 1200)
			for b.Loop() {
				sent, err := from.WriteBatch(src)
				require.NoError(b, err)
				for n := 0; n < sent; {
					got, err := to.ReadBatch(dst)
					require.NoError(b, err)
					n += got
				}
			}
		})
	}
}
