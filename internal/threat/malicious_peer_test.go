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

// maliciousPeer is an authenticated peer that has gone bad. It has connected with the
// hub like any other; then its process is gone, and what is left are the keys.
// It seals what it likes, sends that from wherever it likes, and reads what the
// hub sends it. It does nothing by itself: it neither acknowledges nor answers.
type maliciousPeer struct {
	*sim.Node
	s    *scene
	from netip.AddrPort // where its packets claim to come from
	next uint64         // its counter
	sent int

	// heard, if set, is given the frames of each packet from the hub; they are
	// good until it returns.
	heard func(counter uint64, frames []byte)

	keys  *stages.Set // two ciphers of it
	own   pipeline.ID // by which the hub addresses it
	index uint32      // the hub's
}

// maliciousPeers connects n of them at addresses of their own.
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
		c.Node = s.node(fmt.Sprintf("maliciousPeer%d", len(s.Nodes())), cfg)
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

// maliciousPeer connects one.
func (s *scene) maliciousPeer() *maliciousPeer { return s.maliciousPeers(1, intentra.Config{})[0] }

// hear opens a packet from the hub.
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

// seal returns a packet of the frames, under its next counter.
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

// send has a packet of the frames arrive at the hub in this instant, behind
// whatever is to arrive there in it already. It returns its size.
func (c *maliciousPeer) send(frames []byte) int {
	data := c.seal(frames)
	c.s.Inject(c.from, c.s.hub.Addr(), data, 0)
	c.sent++
	return len(data)
}
