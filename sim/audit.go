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

// audit is the state of World.Audit.
type audit struct {
	w        *World
	streams  map[streamKey]*stream
	reliable []*stream // those of Reliable messages
	sessions uint64    // opened so far
	ledger   *keyledger.Ledger
	held     int // the most bytes that a session may hold back

	instances map[uint64]*process // by conn.Endpoint.Instance
}

// Audit makes the world check, on every step from now on, all that users are
// promised:
//
//   - Conservation: every packet, message and datagram is accounted for.
//   - No message is delivered that its sender has not sent (ErrNotSent). Realtime
//     and Latest messages are delivered at most once, a Latest message never
//     after a newer one of its channel (ErrStale), and Reliable messages in the
//     order of sending without a gap (ErrGap), except for what a process has
//     given up along with its peer, and those with a TTL, of whose loss the
//     receiver must learn. World.Undelivered reports what is missing.
//   - No packet counter of an epoch delivers twice (ErrReplayed).
//   - Queues, held bytes, handshakes and peers stay within the limits of Config
//     (ErrBounds).
//   - No key seals a counter twice, and none is installed twice (ErrKeyReuse).
//   - Every handshake and every rekey ends, and a node that dials keeps trying
//     (ErrStuck).
//   - Every message with a token has exactly one outcome, if the node has an OnDelivery
//     (ErrToken), except those of a process that is killed. World.Undecided reports those
//     that have none yet.
//   - The true age of a message with a stamp lies within its bound (ErrAge), unless the
//     clock of its sender or its receiver has leapt or stood still.
//   - A peer is reported as restarted exactly if its previous session was with an
//     earlier process of it, and its sessions are numbered from one without a gap
//     (ErrRestart).
//
// Audit panics if a node has been made. It adds a stage named sim_audit, which
// accepts everything, after ack, and sees only messages sent with Node.Send and
// Node.Broadcast. A user stage that drops a Reliable message, or changes one at
// one end only, breaks these promises and fails the run: send such stages
// Realtime or Latest messages, or check them with World.Check instead. Messages
// should differ: of equal ones the audit knows only how many there are.
func (w *World) Audit() {
	w.checked()
	if len(w.nodes) > 0 {
		panic("sim: Audit must be called before the first Node")
	}
	if w.audit != nil {
		return
	}
	a := &audit{w: w, streams: map[streamKey]*stream{}, ledger: keyledger.New(), held: ack.DefaultHeldBytes, instances: map[uint64]*process{}}
	w.audit = a
	w.Check("conservation", Conservation)
	w.Check("bounds", a.bounds)
	w.Check("keys", a.keys)
	w.Check("handshakes", handshakes)
	w.Check("restarts", restarts)
	w.Observe(Observer{Sent: a.sent, GivenUp: a.givenUp, Happened: a.happened})
}

// watch makes the audit observe the process.
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

// processAudit is the state of one process.
type processAudit struct {
	sessions sessions
	admitted admitted
	dialling dialling
	rekeying rekeying
	restarts restartLog
	tokens   tokens
}

func (a *audit) sent(from *Node, to intentra.PublicKey, m intentra.Message, r intentra.SendResult) {
	if r.Status == intentra.Dropped {
		return
	}
	from.proc.audit.tokens.sent(m)
	receiver := a.w.byKey[to]
	size := wire.MessageSize(pack.FrameType(m.Intent), m.Channel, len(m.Payload)) + wire.Overhead
	tooLarge := receiver != nil && size > min(receiver.cfg.MaxDatagram, from.cfg.MaxDatagram, conn.AcceptedDatagram) &&
		len(m.Payload) > receiver.cfg.MaxMessage
	s, p := a.stream(from.key, to, m), from.proc.ep.Peer(to)
	tooLarge = tooLarge || m.TTL != 0
	if m.Intent == intentra.Reliable {
		s.promise(hold(from.proc, p), tooLarge)
	}
	s.send(m.Payload, a.w.now, tooLarge)
	last := &s.sent[len(s.sent)-1]
	last.age, last.expires = m.Age, m.TTL != 0
	if err := from.queueBounds(p, m.Intent); err != nil {
		a.w.Fail(fmt.Errorf("bounds: %w", err))
	}
	if err := from.queueConserved(p); err != nil {
		a.w.Fail(fmt.Errorf("conservation: %w", err))
	}
}

// delivered checks a message that the chain delivers.
func (a *audit) delivered(p *process, from *conn.Peer, pk *pipeline.Packet, m intentra.Message) {
	s := p.audit.sessions.get(pk.Session)
	if s == nil {
		a.fail("promises", p.n, from.Key, m, fmt.Errorf("%w: the session is unknown", ErrNotSent))
		return
	}
	if err := s.count(pk.Epoch, pk.Counter, p.received); err != nil {
		a.fail("counters", p.n, from.Key, m, err)
	}
	st := a.stream(from.Key, p.n.key, m)
	if st.key.intent == intentra.Reliable {
		st.sender = a.w.holdOf(from.Key, p.n.key)
	}
	if err := a.age(p.n, from.Key, m); err != nil {
		a.fail("ages", p.n, from.Key, m, err)
	}
	if err := st.deliver(m.Payload, s.serial); err != nil {
		a.fail("promises", p.n, from.Key, m, err)
	}
}

// givenUp notes that the receiver of a channel has learnt of a loss.
func (a *audit) givenUp(to *Node, from intentra.PublicKey, channel uint32) {
	a.stream(from, to.key, intentra.Message{Channel: channel, Intent: intentra.Reliable}).told = true
}

func (a *audit) fail(check string, to *Node, from intentra.PublicKey, m intentra.Message, err error) {
	sender := "an unknown sender"
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
