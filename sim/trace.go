package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net/netip"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
)

// trace is a running hash of all that nodes have sent, all their events and all
// messages that they have got.
type trace struct {
	sum     hash.Hash
	scratch []byte
}

func newTrace() trace { return trace{sum: sha256.New()} }

// TraceHash returns 64 hexadecimal digits that depend on each datagram that a
// node has sent and each event and message that it got, with their times and in
// their order. They are the same for the same scenario and seed on any machine.
func (w *World) TraceHash() string { return hex.EncodeToString(w.checked().trace.sum.Sum(nil)) }

func (t *trace) sent(at pipeline.Time, from, to netip.AddrPort, data []byte) {
	b := t.begin('s', at)
	b = appendAddr(appendAddr(b, from), to)
	t.end(b, data)
}

func (t *trace) event(n *Node, ev Event) {
	b := t.begin('e', ev.At)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.number))
	b = append(b, byte(ev.Kind), byte(ev.Reason))
	t.end(b, ev.Peer[:])
}

func (t *trace) delivered(n *Node, from intentra.PublicKey, m intentra.Message) {
	b := t.begin('d', n.w.now)
	b = binary.LittleEndian.AppendUint64(b, uint64(n.number))
	b = append(b, from[:]...)
	b = binary.LittleEndian.AppendUint32(b, m.Channel)
	t.end(append(b, byte(m.Intent)), m.Payload)
}

func (t *trace) begin(kind byte, at pipeline.Time) []byte {
	return binary.LittleEndian.AppendUint64(append(t.scratch[:0], kind), uint64(at))
}

// end adds an entry with the length of its last part, so that different traces
// are different bytes.
func (t *trace) end(b, last []byte) {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(last)))
	t.scratch = b
	_, _ = t.sum.Write(b)
	_, _ = t.sum.Write(last)
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	return binary.LittleEndian.AppendUint16(append(b, ip[:]...), a.Port())
}
