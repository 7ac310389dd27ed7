package sim

import (
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/keyledger"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// audit is what a world that checks itself keeps.
type audit struct {
	w        *World
	streams  map[streamKey]*stream
	reliable []*stream // those of Reliable messages
	sessions uint64    // opened so far
	ledger   *keyledger.Ledger
	held     int // the most bytes that a session may hold back
}

// Audit has the world check, on every step from here on, all that a user is
// promised:
//
//   - Conservation: packets, messages and datagrams go somewhere.
//   - Nothing is delivered that was not sent, nor from anybody but its sender
//     (ErrNotSent); Realtime and Latest at most once, Latest never behind a newer
//     message of its channel (ErrStale), Reliable in the order of sending
//     without a gap (ErrGap), that which a process has given up with its peer
//     apart: World.Undelivered tells what is still to come.
//   - No packet counter of an epoch delivers twice (ErrReplayed).
//   - Queues, held bytes, handshakes and peers stay within what Config allows
//     (ErrBounds).
//   - No key seals a counter twice, and none is installed twice (ErrKeyReuse).
//   - Every handshake and every rekey ends, and whoever keeps dialling goes on
//     (ErrStuck).
//
// Call it before any node is made; it panics otherwise. It adds a stage that
// takes everything, named sim_audit, behind ack, and sees only what is sent by
// Node.Send and Node.Broadcast. A Reliable message that a stage of the user's
// drops, or changes at one end alone, breaks these promises, and the run fails:
// give such stages Realtime or Latest messages, or check them with World.Check
// instead. Messages that are to be told apart should
// differ: of equal ones it knows how many there are.
func (w *World) Audit() {
	if len(w.nodes) > 0 {
		panic("sim: Audit comes before the first Node")
	}
	if w.audit != nil {
		return
	}
	a := &audit{w: w, streams: map[streamKey]*stream{}, ledger: keyledger.New(), held: ack.DefaultHeldBytes}
	w.audit = a
	w.Check("conservation", Conservation)
	w.Check("bounds", a.bounds)
	w.Check("keys", a.keys)
	w.Check("handshakes", handshakes)
	w.Observe(Observer{Sent: a.sent, Happened: a.happened})
}

// watch has the process looked at.
func (a *audit) watch(p *process, cfg *conn.Config) {
	p.audit = &processAudit{sessions: sessions{opened: &a.sessions}}
	inner, owner := cfg.Stages, a.ledger.Owner(fmt.Sprintf("%s (process %d)", p.n.name, p.n.lives))
	cfg.Stages = func(s *stages.Set) error {
		if inner != nil {
			if err := inner(s); err != nil {
				return err
			}
		}
		if s.Seal != nil {
			s.Seal.Observe(owner)
		}
		if s.Builder != nil {
			s.InsertAfter("ack", &p.audit.sessions)
		}
		return nil
	}
}

// processAudit is what is kept of one process.
type processAudit struct {
	sessions sessions
	admitted admitted
	dialling dialling
	rekeying rekeying
}

func (a *audit) sent(from *Node, to intentra.PublicKey, m intentra.Message, r intentra.SendResult) {
	if r.Status == intentra.Dropped {
		return
	}
	receiver := a.w.byKey[to]
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)) + wire.Overhead
	tooLarge := receiver != nil && size > receiver.cfg.MaxDatagram
	s, p := a.stream(from.key, to, m), from.proc.ep.Peer(to)
	if m.Intent == intentra.Reliable {
		s.promise(hold(from.proc, p), tooLarge)
	}
	s.send(m.Payload, a.w.now, tooLarge)
	if err := from.queueBounds(p, m.Intent); err != nil {
		a.w.Fail(fmt.Errorf("bounds: %w", err))
	}
	if err := from.queueConserved(p); err != nil {
		a.w.Fail(fmt.Errorf("conservation: %w", err))
	}
}

// delivered looks at a message on its way out of the chain.
func (a *audit) delivered(p *process, from *conn.Peer, pk *pipeline.Packet, m intentra.Message) {
	s := p.audit.sessions.get(pk.Session)
	if s == nil {
		a.fail("promises", p.n, from.Key, m, fmt.Errorf("%w: it comes from no session", ErrNotSent))
		return
	}
	if err := s.count(pk.Epoch, pk.Counter, p.received); err != nil {
		a.fail("counters", p.n, from.Key, m, err)
	}
	st := a.stream(from.Key, p.n.key, m)
	if st.key.intent == intentra.Reliable {
		st.sender = a.w.holdOf(from.Key, p.n.key)
	}
	if err := st.deliver(m.Payload, s.serial); err != nil {
		a.fail("promises", p.n, from.Key, m, err)
	}
}

func (a *audit) fail(check string, to *Node, from intentra.PublicKey, m intentra.Message, err error) {
	sender := "somebody unknown"
	if n := a.w.byKey[from]; n != nil {
		sender = n.name
	}
	a.w.Fail(fmt.Errorf("%s: %v message of %d bytes on channel %d from %s to %s: %w",
		check, m.Intent, len(m.Payload), m.Channel, sender, to.name, err))
}

func (a *audit) happened(n *Node, ev Event) {
	if n.proc != nil && n.proc.audit != nil {
		n.proc.audit.dialling.happened(n, ev)
	}
}
