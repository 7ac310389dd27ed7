package conn

import (
	"encoding/binary"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/aead"
)

// epoch is one set of keys of a session: a key and a counter for each
// direction, and the index by which each side addresses the other.
type epoch struct {
	id       pipeline.ID // our receiver index
	remoteID uint32      // the peer's
	session  *session
	received uint64       // one above the highest counter received
	messages uint64       // sent and received; without any there is no rekey by time
	tracker  *ack.Tracker // of what we have sent
	skipAt   uint64       // the next counter to leave out
	softAt   pipeline.Time
	freeAt   pipeline.Time // when a previous epoch is closed
	opened   pipeline.Time
	seq      uint32
	hash     [32]byte
}

// openEpoch installs keys in the aead stages, and overwrites them: only the ciphers
// have them from then on. It returns nil if the ciphers cannot be made.
func (e *Endpoint) openEpoch(s *session, seq uint32, index pipeline.ID, remote uint32, keys *noise.Keys, now pipeline.Time) *epoch {
	defer keys.Wipe()
	if e.cfg.Journal.Keyed != nil {
		e.cfg.Journal.Keyed(EpochKeys{
			Own: s.peer.Identity(), Peer: s.peer.Key, Local: uint32(index), Remote: remote, Seq: seq, Suite: s.suite, Dialer: s.dialer,
			Send: keys.Send, Receive: keys.Receive,
		}, now)
	}
	send, err := noise.NewAEAD(s.suite, keys.Send)
	if err != nil {
		return nil
	}
	receive, err := noise.NewAEAD(s.suite, keys.Receive)
	if err != nil {
		return nil
	}
	ep := &epoch{id: index, seq: seq, session: s, remoteID: remote, opened: now, hash: keys.Hash}
	ep.softAt = later(now, e.jitter(e.cfg.RekeyAfter))
	e.planSkip(ep, 0)
	*e.epochs.Open(index) = ep
	n := pipeline.EpochNotice{Peer: s.peer.id, Session: s.id, Epoch: index, Seq: seq}
	e.in.OpenEpoch(n)
	e.out.OpenEpoch(n)
	ep.tracker = e.tracker(s, index)
	e.set.Open.InstallKey(index, aead.NewKey(s.suite, receive))
	e.set.Seal.InstallKey(index, aead.NewKey(s.suite, send), 0)
	return ep
}

// closeEpoch releases the keys and the index of ep.
func (e *Endpoint) closeEpoch(s *session, ep *epoch) {
	e.loseAll(s, ep)
	var o ack.Outcome
	ep.tracker.LoseAll(&o)
	e.countOutcome(s, &o)
	if s.tokens() != nil {
		e.tokensDecided(s)
	}
	n := pipeline.EpochNotice{Peer: s.peer.id, Session: s.id, Epoch: ep.id, Seq: ep.seq}
	e.in.CloseEpoch(n)
	e.out.CloseEpoch(n)
	e.epochs.Close(ep.id)
	e.epochIDs.give(ep.id)
}

// planSkip chooses the next counter that is skipped on purpose, which exposes a peer
// that acknowledges packets it has not received (RFC 9000, section 21.4).
func (e *Endpoint) planSkip(ep *epoch, from uint64) {
	var b [2]byte
	e.random(b[:])
	ep.skipAt = from + 1 + uint64(binary.BigEndian.Uint16(b[:]))%(2*skipInterval)
	if ep.skipAt == HardPackets-1 {
		// Do not skip the last one: begin skips after spent has checked the counter,
		// and the one after it exceeds the limit of the keys.
		ep.skipAt = HardPackets
	}
}

// promote makes the next epoch the current one. The old one stays for packets that
// are still in flight.
func (e *Endpoint) promote(s *session, now pipeline.Time) {
	if s.previous != nil {
		e.closeEpoch(s, s.previous)
	}
	s.previous, s.current, s.next = s.current, s.next, nil
	s.previous.freeAt = later(now, previousEpochLife)
	e.stats.Rekeys++
	s.peer.stats.Rekeys++
	e.touch(s)
}

// spent reports whether the epoch must not be used any longer.
func (e *Endpoint) spent(s *session, ep *epoch, now pipeline.Time) bool {
	return ep.tracker.Next() >= HardPackets ||
		ep.messages > 0 && now >= later(ep.softAt, hardAfter) ||
		e.forged(ep, hardFailures)
}

// forged reports whether that many packets of ep failed to open. The endpoint cannot have
// received fewer, so the stage, whose state of an epoch is seldom in a near cache, is
// hardly ever asked.
func (e *Endpoint) forged(ep *epoch, limit uint64) bool {
	return e.stats.PacketsIn >= limit && e.set.Open.Failures(ep.id) >= limit
}

// worn reports whether it is time for new keys.
func (e *Endpoint) worn(s *session, ep *epoch, now pipeline.Time) bool {
	soft := uint64(e.cfg.RekeyAfterPackets)
	return ep.tracker.Next() >= soft || ep.received >= soft ||
		ep.messages > 0 && now >= ep.softAt ||
		e.forged(ep, softFailures)
}

// wearsAt returns when worn will become true by time alone.
func (ep *epoch) wearsAt() (pipeline.Time, bool) { return ep.softAt, ep.messages > 0 }
