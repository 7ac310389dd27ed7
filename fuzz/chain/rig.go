package chain

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

var links = chainrig.Links

// rig is a [chainrig.Rig] with the user's stages, and notes what the chains do.
type rig struct {
	*chainrig.Rig
	// exact reports that only default stages precede the message stages, and
	// acks that the default ack is one of them.
	exact, acks bool
	defaults    []pipeline.Stage // inbound and outbound, before the change
	running     call             // the user's code that is running

	handshakes int
	delivered  int      // messages of the current packet that reached the receiver
	yielded    []string // messages of the current packet, as ack yields them
	err        error    // the first failure

	buf   []byte // of Outbound, with guard bytes around it
	reply []byte // for Inbound.Reply
	next  map[pipeline.ID]uint64
}

func newRig(change func(*stages.Set) error) (*rig, error) {
	c, err := chainrig.New()
	if err != nil {
		return nil, err
	}
	r := &rig{Rig: c, next: map[pipeline.ID]uint64{}}
	r.Handshake = func(h wire.Header) {
		if h.Type == wire.TypeData {
			r.fail("a data packet was passed on as a handshake packet")
		}
		r.handshakes++
	}
	r.Deliver = func(*pipeline.Packet) { r.delivered++ }
	if err := r.Build(); err != nil {
		return nil, err
	}
	r.defaults = append(r.In.Stages(), r.Out.Stages()...)
	inbound := r.In.Stages()
	return r, r.guarded(func() error {
		if change != nil {
			r.running.when = fmt.Sprintf("the change %s()", fault.NameOf(change))
			if err := change(r.Set); err != nil {
				return fmt.Errorf("fuzz/chain: the change: %w", err)
			}
		}
		return r.build(inbound)
	})
}

// probeName is the name of the stage that the kit inserts for itself.
const probeName = "fuzz_probe"

// build builds the changed chains; defaults are the inbound stages before the change.
func (r *rig) build(defaults []pipeline.Stage) (err error) {
	r.running.when = "a stage that the change inserted"
	if slices.Contains(r.Set.Names(), "ack") {
		r.Set.InsertAfter("ack", pipeline.Func(probeName, nil, r.probe))
	}
	if err := r.Build(); err != nil {
		return fmt.Errorf("fuzz/chain: %w", err)
	}
	packets := 1 + slices.IndexFunc(defaults, func(s pipeline.Stage) bool {
		_, splits := s.(pipeline.Splitter)
		return splits
	})
	list := r.In.Stages()
	r.acks = slices.Contains(list, pipeline.Stage(r.Set.Ack))
	r.exact = len(list) > packets && slices.Equal(list[:packets], defaults[:packets])
	for name, c := range map[string]pipeline.Chain{"inbound": r.In, "outbound": r.Out} {
		c.OnPanic(func(stage string, v any) {
			r.failOf(stage, "panic in stage %q of the %s chain: %v; package fuzz finds the line", stage, name, v)
		})
	}
	r.reply = make([]byte, 0, wire.CookiePacketSize)
	r.buf = make([]byte, margin+chainrig.Datagram+margin)
	for _, l := range links {
		r.Open(l, func(c pipeline.Chain) { r.running = call{c, "at PeerOpened, SessionOpened or EpochOpened", false} })
	}
	return r.err
}

// closeAll closes all epochs, sessions and peers.
func (r *rig) closeAll() {
	for i, l := range links {
		last := i == len(links)-1 || links[i+1].Session != l.Session
		if last && r.acks {
			r.Set.Ack.Release(r.In, l.Session)
		}
		r.Close(l, last, func(c pipeline.Chain) { r.running = call{c, "at EpochClosed, SessionClosed or PeerClosed", false} })
	}
}

// probe records each message before the user's stages see it.
func (r *rig) probe(p *pipeline.Packet) pipeline.Verdict {
	r.yielded = append(r.yielded, messageName(p.Session, p.Intent, p.Channel, p.Payload()))
	return pipeline.Accept
}

func messageName(session pipeline.ID, intent pipeline.Intent, channel uint32, payload []byte) string {
	return fmt.Sprintf("%s on channel %d of session %#x: %x", intent, channel, session, payload)
}

// userStages names the stages of c that are not default ones, for failures that one
// of them must have caused.
func (r *rig) userStages(c pipeline.Chain) string {
	var names []string
	for _, s := range c.Stages() {
		if s.Name() != probeName && !slices.Contains(r.defaults, s) {
			names = append(names, s.Name())
		}
	}
	return fmt.Sprintf("%q", names)
}

// fail records a failure, if it is the first.
func (r *rig) fail(format string, args ...any) { r.failOf("", format, args...) }

// failOf is fail for a failure that a known stage has caused.
func (r *rig) failOf(stage, format string, args ...any) {
	if r.err == nil {
		r.err = fault.Of(stage, "fuzz/chain: "+format, args...)
	}
}

func (r *rig) require(ok bool, format string, args ...any) {
	if !ok {
		r.fail(format, args...)
	}
}

// checkCounts checks the counters of a chain: conservation, and the drops and faults
// that only a wrong stage causes.
func (r *rig) checkCounts(c pipeline.Chain) {
	n, err := chainrig.CheckCounts(c)
	for _, d := range n.Drops {
		if d.Packets+d.Messages == 0 {
			continue
		}
		switch {
		case d.Reason == "unspecified":
			r.failOf(d.Stage, "stage %q dropped without a reason that it declares; package fuzz finds the verdict", d.Stage)
		case d.Reason == "bad_data" && r.packs(d.Stage):
			r.failOf(d.Stage, "stage %q packed a message wrongly: it replaced or shortened Data, or Size is negative or not the number of bytes appended", d.Stage)
		case d.Reason == "bad_data":
			r.failOf(d.Stage, "stage %q replaced or shortened Data, or appended where it must not", d.Stage)
		}
	}
	for _, f := range n.Faults {
		r.failOf(f.Stage, "stage %q failed in %s", f.Stage, f.Method)
	}
	r.require(err == nil, "%v", err)
}

// packs reports whether the outbound packer has that name.
func (r *rig) packs(stage string) bool {
	p := r.Out.Packer()
	return p != nil && p.Name() == stage
}

var (
	home = chainrig.Home
	away = netip.MustParseAddrPort("192.0.2.1:7001")
)
