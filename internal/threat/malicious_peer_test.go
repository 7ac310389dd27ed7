package threat

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// maliciousPeer is an authenticated peer under the test's control. Its node has
// connected to the hub and was then killed; the test uses its keys to seal any
// frames, send them from any address, and open the hub's packets. It neither
// acknowledges nor answers anything by itself.
type maliciousPeer struct {
	*sim.Node
	s    *scene
	from netip.AddrPort // source address of its packets
	next uint64         // next packet counter
	sent int

	// heard, if set, is called with the frames of each packet from the hub,
	// which are valid until it returns.
	heard func(counter uint64, frames []byte)

	keys  *stages.Set // holds its two ciphers
	own   pipeline.ID // its receiver index
	index uint32      // the hub's receiver index
}

// maliciousPeers connects n malicious peers, each with its own address.
func (s *scene) maliciousPeers(n int, cfg intentra.Config) []*maliciousPeer {
	all := make([]*maliciousPeer, n)
	at := map[netip.AddrPort]*maliciousPeer{}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.Type() != wire.TypeData {
			return pass
		}
		if c := at[d.From]; c != nil {
			h, _ := wire.ParseHeader(d.Data)
			c.index, c.next = h.Receiver, h.Counter+1
		}
		if c := at[d.To]; c != nil {
			c.hear(d.Data)
		}
		return pass
	})
	for i := range all {
		c := &maliciousPeer{s: s}
		cfg.Stages = func(set *stages.Set) error { c.keys = set; return nil }
		c.Node = s.node(fmt.Sprintf("malicious%d", len(s.Nodes())), cfg)
		c.from = c.Addr()
		at[c.from], all[i] = c, c
		require.NoError(s.t, c.Dial(s.hub.Key()))
	}
	s.await(10*time.Second, func() bool {
		for _, c := range all {
			if !c.Connected(s.hub.Key()) {
				return false
			}
		}
		return true
	})
	for _, c := range all {
		c.Send(s.hub.Key(), greeting) // so that the tap has seen both indexes
	}
	s.run(200 * time.Millisecond)
	for _, c := range all {
		require.NotZero(s.t, c.index)
		c.Kill()
	}
	return all
}

// maliciousPeer connects one malicious peer.
func (s *scene) maliciousPeer() *maliciousPeer { return s.maliciousPeers(1, intentra.Config{})[0] }

// hear handles a packet from the hub.
func (c *maliciousPeer) hear(data []byte) {
	h, _ := wire.ParseHeader(data)
	c.own = pipeline.ID(h.Receiver)
	if c.heard == nil {
		return
	}
	var p pipeline.Packet
	p.Reset(append([]byte(nil), data...), c.s.hub.Addr(), c.s.Now())
	p.Epoch, p.Counter = c.own, h.Counter
	require.Equal(c.s.t, pipeline.Accept, c.keys.Open.Process(&p))
	c.heard(h.Counter, p.Payload())
}

// seal returns a packet of the frames under the next counter.
func (c *maliciousPeer) seal(frames []byte) []byte {
	var p pipeline.Packet
	b := make([]byte, 0, wire.Overhead+len(frames))
	b = wire.AppendHeader(b, wire.Header{Type: wire.TypeData, Receiver: c.index, Counter: c.next})
	p.Reset(append(b, frames...), c.s.hub.Addr(), c.s.Now())
	p.Epoch, p.Counter = c.own, c.next
	require.Equal(c.s.t, pipeline.Accept, c.keys.Seal.Process(&p))
	c.next++
	return p.Data
}

// send delivers a packet of the frames to the hub at the current time, after the
// datagrams already due then. It returns the packet's size.
func (c *maliciousPeer) send(frames []byte) int {
	data := c.seal(frames)
	c.s.Inject(c.from, c.s.hub.Addr(), data, 0)
	c.sent++
	return len(data)
}
