package noise

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// FuzzScript runs an attacker that controls the network and has a key of its own
// (MOD in docs/THREATMODEL.md). It makes two genuine initiators, two genuine
// responders and one of its own on each side read any message written so far, in
// any order, repeated, altered or cut. A machine accepts only what its
// counterpart wrote in the same handshake. A machine with keys shares them with
// the owner of the static key that it reports. Handshakes that the attacker left
// unfinished can still complete.
func FuzzScript(f *testing.F) {
	const write, read, bend, cut, reject = 0, 6, 12, 18, 24
	honest := []byte{write, 0, 0, 0, read + 2, 0, 0, 0, write + 2, 0, 0, 0, read, 1, 0, 0, write, 0, 0, 0, read + 2, 2, 0, 0}
	f.Add(uint8(0), honest)
	f.Add(uint8(1), honest)
	f.Add(uint8(1), honest[:16])
	f.Add(uint8(0), append([]byte{write, 0, 0, 0, bend + 2, 0, 3, 1, write + 2, 0, 0, 0, read, 1, 0, 0, bend, 1, 40, 1}, honest[8:]...))
	f.Add(uint8(1), []byte{write, 0, 0, 0, read + 5, 0, 0, 0, write + 5, 0, 0, 0, read, 1, 0, 0, reject, 0, 0, 0, read + 2, 0, 0, 0, write + 2, 0, 0, 0, bend, 2, 50, 9, read, 2, 0, 0})
	f.Add(uint8(0), []byte{write + 4, 0, 0, 0, read + 2, 0, 0, 0, write + 2, 0, 0, 0, read + 4, 1, 0, 0, write + 4, 0, 0, 0, cut + 2, 2, 9, 0, bend + 2, 2, 9, 1, read + 2, 2, 0, 0})
	f.Fuzz(func(t *testing.T, suite uint8, ops []byte) {
		s := newScript(t, fuzzSuite(suite))
		for ops = ops[:min(len(ops), 4*40)]; len(ops) >= 4; ops = ops[4:] {
			who := s.machines[ops[0]%6]
			switch ops[0] / 6 % 5 {
			case 0:
				s.write(who)
			case 1:
				s.read(who, s.message(ops[1]))
			case 2:
				msg := bytes.Clone(s.message(ops[1]))
				if len(msg) > 0 {
					msg[int(ops[2])%len(msg)] ^= ops[3]
				}
				s.read(who, msg)
			case 3:
				s.read(who, resized(s.message(ops[1]), int(ops[2])))
			case 4:
				s.reject(who)
			}
		}
		s.finish()
	})
}

// party is a machine and the messages it has read and written, by number.
type party struct {
	key       *Static
	initiator *Initiator
	responder *Responder
	seen      [4][]byte
	keys      Keys
	done      bool
}

// script runs three initiators and three responders. The third of each is the
// attacker's.
type script struct {
	t        *testing.T
	machines [6]*party
	written  [][]byte
}

var fuzzHello = make([]byte, wire.HelloSize)

func newScript(t *testing.T, suite wire.Suite) *script {
	s := &script{t: t}
	r := fixedRand(1)
	prologue := r.bytes(24)
	var keys [3]*Static // of the dialers, of the responders, of the attacker
	for i := range keys {
		var err error
		keys[i], err = NewStatic(r.key())
		require.NoError(t, err)
	}
	for i := range s.machines {
		p := &party{key: keys[i%2]}
		if i >= 4 {
			p.key = keys[2]
		}
		var err error
		if i%2 == 0 {
			p.initiator, err = NewInitiator(suite, p.key, prologue, r.key())
		} else {
			p.responder, err = NewResponder(suite, p.key, prologue, r.key())
		}
		require.NoError(t, err)
		s.machines[i] = p
	}
	// The order of the seeds: initiators, responders, the attacker's machines.
	m := &s.machines
	m[1], m[2] = m[2], m[1]
	return s
}

// message returns one of the messages written so far.
func (s *script) message(i byte) []byte {
	if len(s.written) == 0 {
		return nil
	}
	return s.written[int(i)%len(s.written)]
}

// machine returns the machine of p.
func (p *party) machine() *machine {
	if p.initiator != nil {
		return &p.initiator.m
	}
	return &p.responder.m
}

// writes reports whether it is p's turn to write.
func (p *party) writes() bool {
	n := p.machine().expect
	return n > 0 && (n%2 == 1) == (p.initiator != nil)
}

func (s *script) write(p *party) {
	t, n := s.t, p.machine().expect
	turn := p.writes()
	var msg []byte
	var keys Keys
	var err error
	switch {
	case p.responder != nil:
		n = 2
		msg, err = p.responder.WriteResponse(fuzzHello)
	case n == 1:
		msg, err = p.initiator.WriteInit(make([]byte, wire.InitPadding))
	default:
		n = 3
		msg, keys, err = p.initiator.WriteFinal(fuzzHello)
	}
	if err != nil {
		require.True(t, errors.Is(err, ErrState) && !turn || errors.Is(err, ErrLowOrder) && turn)
		require.Nil(t, msg)
		require.Zero(t, keys)
		return
	}
	require.True(t, turn)
	if n == 3 {
		p.keys, p.done = keys, true
	}
	p.seen[n] = msg
	s.written = append(s.written, msg)
}

// author returns the party that wrote msg as message n of p's handshake, or nil.
func (s *script) author(p *party, n int, msg []byte) *party {
	i := slices.IndexFunc(s.machines[:], func(o *party) bool {
		same := (o.initiator != nil) != (p.initiator != nil) && bytes.Equal(o.seen[n], msg)
		for before := 1; before < n; before++ {
			same = same && bytes.Equal(o.seen[before], p.seen[before])
		}
		return same
	})
	if i < 0 || len(msg) == 0 {
		return nil
	}
	return s.machines[i]
}

func (s *script) read(p *party, msg []byte) {
	t, n := s.t, p.machine().expect
	turn := n > 0 && !p.writes()
	var err error
	var keys Keys
	switch {
	case p.initiator != nil:
		n = 2
		_, keys.Remote, err = p.initiator.ReadResponse(msg, wire.HelloSize)
	case n == 3:
		_, keys, err = p.responder.ReadFinal(msg, wire.HelloSize)
	default:
		n = 1
		_, err = p.responder.ReadInit(msg, wire.InitPadding)
	}
	author := s.author(p, n, msg)
	switch {
	case !turn:
		require.ErrorIs(t, err, ErrState)
	case len(msg) != overhead[n]+[]int{1: wire.InitPadding, 2: wire.HelloSize, 3: wire.HelloSize}[n]:
		require.ErrorIs(t, err, ErrLength)
	case n == 1:
		require.NoError(t, err) // message 1 is not authenticated
	case author == nil:
		require.ErrorIs(t, err, ErrMessage, "message %d, forged", n)
	default:
		require.NoError(t, err, "message %d, genuine", n)
		require.Equal(t, author.key.Public(), keys.Remote)
	}
	if err != nil {
		require.Zero(t, keys)
		require.Equal(t, turn, !p.writes() && p.machine().expect > 0, "a rejected message changed the state")
		return
	}
	p.seen[n] = bytes.Clone(msg)
	if n == 3 {
		p.keys, p.done = keys, true
		require.True(t, author.done)
		require.Equal(t, author.keys.Hash, keys.Hash)
		require.Equal(t, author.keys.Send, keys.Receive)
		require.Equal(t, author.keys.Receive, keys.Send)
		require.Equal(t, p.key.Public(), author.keys.Remote)
		require.NotEqual(t, keys.Send, keys.Receive)
	}
}

func (s *script) reject(p *party) {
	if p.initiator == nil {
		return
	}
	want := p.machine().expect == 3
	err := p.initiator.Reject()
	require.Equal(s.t, want, err == nil)
	if err != nil {
		require.ErrorIs(s.t, err, ErrState)
		return
	}
	p.seen[2] = nil
}

// finish completes every handshake that can still complete, and checks that no
// more than two parties share a handshake hash.
func (s *script) finish() {
	for _, r := range s.machines {
		if r.responder == nil || r.machine().expect != 3 {
			continue
		}
		for _, i := range s.machines {
			if i.initiator == nil || i.done || !bytes.Equal(i.seen[1], r.seen[1]) {
				continue
			}
			if i.machine().expect == 3 {
				s.reject(i) // another responder answered first
			}
			s.read(i, r.seen[2])
			s.write(i)
			s.read(r, i.seen[3])
			require.True(s.t, i.done && r.done)
			break
		}
	}
	hashes := map[[32]byte]int{}
	for _, p := range s.machines {
		if p.done {
			hashes[p.keys.Hash]++
			require.LessOrEqual(s.t, hashes[p.keys.Hash], 2)
		}
	}
}
