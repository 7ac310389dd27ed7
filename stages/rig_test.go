package stages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

var links = chainrig.Links

// rig is a chainrig.Rig that fails its test and records what is delivered.
type rig struct {
	*chainrig.Rig
	t          testing.TB
	buf        []byte
	handshakes int
	delivered  []string // the payload of each message, if recording
	recording  bool
}

func newRig(t testing.TB, change func(*stages.Set)) *rig {
	c, err := chainrig.New()
	require.NoError(t, err)
	r := &rig{Rig: c, t: t, buf: make([]byte, 0, chainrig.Datagram), recording: true}
	r.Handshake = func(h wire.Header) {
		require.NotEqual(t, wire.TypeData, h.Type)
		r.handshakes++
	}
	r.Deliver = func(p *pipeline.Packet) {
		if r.recording {
			r.delivered = append(r.delivered, string(p.Payload()))
		}
	}
	if change != nil {
		change(r.Set)
	}
	require.NoError(t, r.Build())
	for _, c := range []pipeline.Chain{r.In, r.Out} {
		c.OnPanic(func(stage string, value any) { t.Errorf("panic in %s: %v", stage, value) })
	}
	for _, l := range links {
		r.Open(l, nil)
	}
	return r
}

// begin starts an outbound packet of the link.
func (r *rig) begin(l chainrig.Link, counter uint64) { r.Begin(r.buf, l, counter) }

// seal finishes the packet and returns the datagram, which is valid until begin.
func (r *rig) seal() []byte {
	if v := r.Out.ProcessPacket(&r.Outbound); v != pipeline.Accept {
		r.t.Fatalf("not sealed: verdict %d", v)
	}
	return r.Outbound.Data
}

func (r *rig) receive(data []byte) pipeline.Verdict { return r.Receive(data, chainrig.Home) }

// drops checks that packets and messages are conserved, and returns the drops of the
// inbound chain by stage and reason.
func (r *rig) drops() map[string]uint64 {
	_, err := chainrig.CheckCounts(r.Out)
	require.NoError(r.t, err)
	n, err := chainrig.CheckCounts(r.In)
	require.NoError(r.t, err)
	drops := map[string]uint64{}
	for _, d := range n.Drops {
		if d.Packets+d.Messages > 0 {
			drops[d.Stage+"/"+d.Reason] += d.Packets + d.Messages
		}
	}
	return drops
}
