package replay

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/wire"
)

func (f *full) received(p *journal.Packet, e *journal.Entry) {
	f.res.Received++
	// The core decrypts in place.
	f.core.HandleDatagram(slices.Clone(p.Data), e.Addr, e.At)
	f.outcome.Verdict, f.outcome.Dropped = journal.Verdict(f.core.Inbound().LastVerdict(), f.labels, f.drops)
	f.res.Delivered += f.outcome.Delivered
	if !f.outcome.Equal(e.Outcome) {
		f.differ("verdict", describe(e.Outcome), describe(f.outcome))
	}
	if f.o.Packet != nil {
		f.o.Packet(Packet{
			Number: p.Number, Time: p.Time, From: e.Addr, To: p.To, Data: p.Data, Recorded: e.Outcome, Replayed: f.outcome,
		})
	}
}

// describe is the outcome with the sum, which tells other messages apart.
func describe(o journal.Outcome) string {
	if o.Delivered == 0 {
		return o.String()
	}
	return fmt.Sprintf("%s (checksum %08x)", o, o.Sum)
}

// sent compares a datagram with what the core wants sent.
func (f *full) sent(e *journal.Entry) {
	f.res.Sent++
	recorded := wire.Datagram{Data: e.Data, Addr: e.Addr}
	if len(f.waiting) == 0 {
		f.differ("sent", show(recorded), "nothing")
		return
	}
	d := f.waiting[0]
	f.waiting = f.waiting[1:]
	if d.Addr != e.Addr || !bytes.Equal(d.Data, e.Data) {
		f.differ("sent", show(recorded), show(d))
	}
}

// unsaid reports what the core wants sent, and the recorded one did not send.
func (f *full) unsaid() {
	for _, d := range f.waiting {
		f.differ("sent", "nothing", show(d))
	}
	f.waiting = nil
}

func show(d wire.Datagram) string {
	return fmt.Sprintf("%d bytes to %s (%x...)", len(d.Data), d.Addr, d.Data[:min(len(d.Data), 24)])
}
