package fuzz_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// validator is a stage that panics if it is given anything that a chain would not give
// it.
type validator struct {
	position fuzz.Position
	peers    map[pipeline.ID]bool
	sessions map[pipeline.ID]pipeline.ID
	epochs   map[pipeline.ID]pipeline.EpochNotice
	counters map[[2]uint64]bool // by epoch and counter
	highest  map[pipeline.ID]uint64
	now      pipeline.Time
	seen     *tally
}

// tally counts what the validators have been given, so that the test fails if they were
// given nothing.
type tally struct{ packets, repeated, notices, later, long int }

func newValidator(position fuzz.Position, seen *tally) *validator {
	return &validator{position, map[pipeline.ID]bool{}, map[pipeline.ID]pipeline.ID{}, map[pipeline.ID]pipeline.EpochNotice{},
		map[[2]uint64]bool{}, map[pipeline.ID]uint64{}, 0, seen}
}

func must(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}

func (s *validator) Name() string      { return "validator" }
func (s *validator) Reasons() []string { return nil }

// ReadsPlaintext returns false at positions before AEAD open.
func (s *validator) ReadsPlaintext() bool { return s.position > fuzz.Sealed }

func (s *validator) PeerOpened(n pipeline.PeerNotice) {
	for id := range s.peers {
		must(id.Number() != n.Peer.Number(), "peer number %d is taken", id.Number())
	}
	s.peers[n.Peer] = true
	s.seen.notices++
}

func (s *validator) PeerClosed(n pipeline.PeerNotice) {
	must(s.peers[n.Peer], "an unknown peer closed")
	for _, peer := range s.sessions {
		must(peer != n.Peer, "a peer closed before its session")
	}
	delete(s.peers, n.Peer)
}

func (s *validator) SessionOpened(n pipeline.SessionNotice) {
	must(s.peers[n.Peer], "a session of an unknown peer opened")
	_, twice := s.sessions[n.Session]
	must(!twice, "a session opened twice")
	s.sessions[n.Session] = n.Peer
}

func (s *validator) SessionClosed(n pipeline.SessionNotice) {
	must(s.sessions[n.Session] == n.Peer, "an unknown session closed")
	for _, e := range s.epochs {
		must(e.Session != n.Session, "a session closed before its epoch")
	}
	delete(s.sessions, n.Session)
}

func (s *validator) EpochOpened(n pipeline.EpochNotice) {
	must(s.sessions[n.Session] == n.Peer, "an epoch of an unknown session opened")
	count := 0
	for id, e := range s.epochs {
		must(id.Number() != n.Epoch.Number(), "an epoch's number is taken")
		if e.Session == n.Session {
			must(e.Seq < n.Seq, "epochs are not numbered in order")
			count++
		}
	}
	must(count < 3, "a session has four epochs")
	s.epochs[n.Epoch] = n
}

func (s *validator) EpochClosed(n pipeline.EpochNotice) {
	must(s.epochs[n.Epoch] == n, "an unknown epoch closed")
	delete(s.epochs, n.Epoch)
}

func (s *validator) Process(p *pipeline.Packet) pipeline.Verdict {
	must(p.Now >= s.now, "time went backwards")
	if p.Now > s.now {
		s.seen.later++
	}
	s.now = p.Now
	must(p.Addr.IsValid() && !p.Addr.Addr().Is4In6(), "address %s", p.Addr)
	s.seen.packets++
	if len(p.Data)+len(p.Payload()) > 150 {
		s.seen.long++
	}
	if s.position == fuzz.Datagrams {
		must(p.Peer|p.Session|p.Epoch == 0 && p.Counter == 0 && p.Payload() == nil && !p.Opened(), "a datagram has identifiers or marks")
		return pipeline.Accept
	}
	s.identity(p)
	h, fault := wire.ParseHeader(p.Data)
	inbound := s.position <= fuzz.Messages
	must(fault == wire.FaultNone || !inbound && fault == wire.FaultShort, "fault %d", fault)
	must(!inbound || h.Type == wire.TypeData && h.Counter == p.Counter && h.Receiver == uint32(p.Epoch), "the header does not match: %v", h)
	must(p.Opened() == (inbound && s.position >= fuzz.Opened), "opened: %t", p.Opened())
	must(p.Fresh() == (inbound && s.position >= fuzz.Fresh), "fresh: %t", p.Fresh())
	messages := s.position == fuzz.Messages || s.position == fuzz.OutMessages
	must(messages == (p.Intent >= pipeline.Realtime && p.Intent <= pipeline.Reliable), "intent %d", p.Intent)
	return pipeline.Accept
}

// identity checks the packet's IDs against the notices, and its counter against what the
// replay window or the sender would allow.
func (s *validator) identity(p *pipeline.Packet) {
	n, live := s.epochs[p.Epoch]
	must(live && n == pipeline.EpochNotice{Peer: p.Peer, Session: p.Session, Epoch: p.Epoch, Seq: p.EpochSeq}, "no live epoch: %#x", p.Epoch)
	name := [2]uint64{uint64(p.Epoch), p.Counter}
	if s.counters[name] {
		s.seen.repeated++
		must(s.position == fuzz.Sealed || s.position == fuzz.Opened, "counter %d is repeated", p.Counter)
	}
	s.counters[name] = true
	if s.position >= fuzz.OutMessages {
		must(p.Counter >= s.highest[p.Epoch], "an outbound counter went backwards")
		s.highest[p.Epoch] = p.Counter
	}
}

// For any input, stages are given only what a chain would give them.
func TestStagesAreGivenValidPackets(t *testing.T) {
	random := seed.Rand(t)
	for position := fuzz.Datagrams; position <= fuzz.OutPackets; position++ {
		var seen tally
		for range 100 {
			var input []byte
			for range random.IntN(60) {
				n := byte(random.IntN(256))
				input = append(input, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()), n, 0)
				for range n {
					input = append(input, byte(random.Uint32()))
				}
			}
			require.NoError(t, fuzz.Check(input, func() *validator { return newValidator(position, &seen) }, fuzz.At(position)), "%s", position)
		}
		require.Greater(t, seen.packets, 1000, position)
		require.NotZero(t, seen.notices, position)
		require.NotZero(t, seen.later, position)
		require.NotZero(t, seen.long, position)
		require.Equal(t, position == fuzz.Sealed || position == fuzz.Opened, seen.repeated > 0, position)
	}
}

// The position of a stage follows from its interfaces.
func TestPositions(t *testing.T) {
	s := newStage(nil)
	for _, tc := range []struct {
		stage pipeline.Stage
		want  fuzz.Position
	}{
		{s, fuzz.Messages},
		{grower{s}, fuzz.OutMessages},
		{packs{s}, fuzz.OutMessages},
		{splitter{s, nil}, fuzz.Fresh},
		{noPlaintext{s}, fuzz.Datagrams},
		{guard{s}, fuzz.Opened},
		{opener{noPlaintext{s}}, fuzz.Sealed},
		{sealer{s}, fuzz.OutPackets},
	} {
		require.Equal(t, tc.want, fuzz.PositionOf(tc.stage), "%T", tc.stage)
	}
}

type (
	noPlaintext struct{ pipeline.Stage }
	guard       struct{ pipeline.Stage }
	opener      struct{ noPlaintext }
	sealer      struct{ pipeline.Stage }
)

func (noPlaintext) ReadsPlaintext() bool { return false }
func (guard) Guards() string             { return "nothing" }
func (opener) OpensPlaintext()           {}
func (sealer) SealsPlaintext()           {}
