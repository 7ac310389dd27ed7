package conn_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// fleet is many sessions between two endpoints, which a benchmark drives by hand
// once they are connected.
type fleet struct {
	now       pipeline.Time
	from, to  *node
	peers     []*conn.Peer // of from
	payload   []byte
	batch     [][]byte
	acks      [][]byte
	datagrams []wire.Datagram
	ackData   [][]byte // buffers for acks
	received  int
}

func newFleet(b *testing.B, sessions, size int) *fleet {
	w := newWorld(b, 1)
	free := func(c *conn.Config) {
		c.MaxHandshakes, c.MaxHandshakesPerAddress = 1<<16, 1<<16
		c.HandshakeRate, c.HandshakeBurst = 1e6, 1e6
		c.PeerRate, c.PeerBurst = 1e8, 1e8
	}
	f := &fleet{from: w.node(free), payload: make([]byte, size)}
	f.to = w.node(free, func(c *conn.Config) {
		c.Deliver = func(*conn.Peer, *pipeline.Packet) bool { f.received++; return true }
	})
	for range sessions {
		f.peers = append(f.peers, f.from.dialAs(w.newIdentity(), f.to))
	}
	w.run(2 * time.Second)
	f.now = w.Now()
	for _, p := range f.peers {
		require.True(b, p.Connected())
	}
	f.ackData = make([][]byte, 1<<16)
	for i := range f.ackData {
		f.ackData[i] = make([]byte, 0, 256)
	}
	return f
}

// seal queues one message for each peer and keeps the datagrams.
func (f *fleet) seal() {
	for _, p := range f.peers {
		if _, wake := p.Push(&conn.Message{Channel: 1, Intent: pipeline.Realtime, Payload: f.payload}); wake {
			f.from.Endpoint().MarkReady(p)
		}
	}
	for more := true; more; {
		more = f.from.Endpoint().Flush(f.now)
		for _, d := range f.from.Endpoint().Outgoing() {
			f.batch = append(f.batch, append([]byte(nil), d.Data...))
		}
	}
}

// turn does what the receiving loop does after each batch, and keeps the
// acknowledgements.
func (f *fleet) turn() {
	f.to.Endpoint().HandleTimeout(f.now)
	for more := true; more; {
		more = f.to.Endpoint().Flush(f.now)
		for _, d := range f.to.Endpoint().Outgoing() {
			f.acks = append(f.acks, append(f.ackData[len(f.acks)][:0], d.Data...))
		}
	}
}

// acknowledge hands the acknowledgements to the sender.
func (f *fleet) acknowledge() {
	for _, d := range f.acks {
		f.from.Endpoint().HandleDatagram(wire.Datagram{Data: d, Addr: f.to.Addr()}, f.now)
	}
	f.acks = f.acks[:0]
}

// BenchmarkReceive measures one packet with one message of 128 bytes through the
// inbound chain, with its share of acknowledging, at 500 packets/s a session.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{10, 2000} {
		b.Run(strconv.Itoa(n)+"/cold", func(b *testing.B) { benchmarkReceive(b, n, false) })
		b.Run(strconv.Itoa(n)+"/warm", func(b *testing.B) { benchmarkReceive(b, n, true) })
	}
}

func benchmarkReceive(b *testing.B, sessions int, warm bool) {
	f := newFleet(b, sessions, 128)
	b.ReportAllocs()
	b.ResetTimer()
	b.SetBytes(128)
	for n := 0; n < b.N; {
		b.StopTimer()
		f.acknowledge()
		f.batch = f.batch[:0]
		for len(f.batch) < 1<<15 {
			f.now += pipeline.Time(10 * time.Microsecond)
			f.from.Endpoint().HandleTimeout(f.now)
			f.seal()
		}
		f.datagrams = f.datagrams[:0]
		for _, d := range f.batch {
			f.datagrams = append(f.datagrams, wire.Datagram{Data: d})
		}
		b.StartTimer()
		for i, d := range f.batch {
			if warm && i%conn.WarmBatch == 0 {
				f.to.Endpoint().Warm(f.datagrams[i:min(i+conn.WarmBatch, len(f.batch))])
			}
			f.to.Endpoint().HandleDatagram(wire.Datagram{Data: d, Addr: f.from.Addr()}, f.now)
			if i%256 == 255 {
				f.turn()
			}
		}
		n += len(f.batch)
	}
}

// BenchmarkSend measures one message of 128 bytes to each of many peers, 1,000 times a
// second: queued, packed and sealed. Arrival and acknowledgement are not measured.
func BenchmarkSend(b *testing.B) {
	f := newFleet(b, 2000, 128)
	b.ReportAllocs()
	b.SetBytes(128)
	b.ResetTimer()
	for n := 0; n < b.N; {
		f.now += pipeline.Time(time.Millisecond)
		f.from.Endpoint().HandleTimeout(f.now)
		f.sealOnly(func(ds []wire.Datagram) {
			n += len(ds)
			b.StopTimer()
			for _, d := range ds {
				f.to.Endpoint().HandleDatagram(wire.Datagram{Data: d.Data, Addr: f.from.Addr()}, f.now)
			}
			f.turn()
			b.StartTimer()
		})
		b.StopTimer()
		f.acknowledge()
		b.StartTimer()
	}
}

func (f *fleet) sealOnly(sent func([]wire.Datagram)) {
	for i, p := range f.peers {
		if _, wake := p.Push(&conn.Message{Channel: 1, Intent: pipeline.Realtime, Payload: f.payload}); wake {
			f.from.Endpoint().MarkReady(p)
		}
		if i%256 < 255 && i < len(f.peers)-1 {
			continue
		}
		for more := true; more; {
			more = f.from.Endpoint().Flush(f.now)
			sent(f.from.Endpoint().Outgoing())
		}
	}
}
