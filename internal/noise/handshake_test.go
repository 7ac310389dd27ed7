package noise

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/wire"
)

var suites = []wire.Suite{wire.AESGCM, wire.ChaChaPoly}

// testRand is the only source of randomness of a test.
type testRand struct{ *rand.Rand }

// newRand returns a generator with a random seed, which it logs.
func newRand(t testing.TB) testRand { return testRand{seed.Rand(t)} }

func fixedRand(seed uint64) testRand { return testRand{rand.New(rand.NewPCG(seed, 1))} }

func (r testRand) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r testRand) key() [KeySize]byte { return [KeySize]byte(r.bytes(KeySize)) }

// pair holds the inputs and outputs of one handshake.
type pair struct {
	suite                        wire.Suite
	initStatic                   *Static
	respStatic                   *Static
	initEphemeral                [KeySize]byte
	respEphemeral                [KeySize]byte
	prologue                     []byte
	payload1, payload2, payload3 []byte
	init                         *Initiator
	resp                         *Responder
	msg1, msg2, msg3             []byte
	initKeys, respKeys           Keys
	initRemote                   [KeySize]byte
	read1, read2, read3          []byte
	initPrivate, respPrivate     [KeySize]byte
}

func newPair(t testing.TB, suite wire.Suite, r testRand) *pair {
	p := &pair{
		suite:         suite,
		initPrivate:   r.key(),
		respPrivate:   r.key(),
		initEphemeral: r.key(),
		respEphemeral: r.key(),
		prologue:      r.bytes(r.IntN(40)),
		payload1:      r.bytes(r.IntN(80)),
		payload2:      r.bytes(r.IntN(40)),
		payload3:      r.bytes(r.IntN(40)),
	}
	var err error
	p.initStatic, err = NewStatic(p.initPrivate)
	require.NoError(t, err)
	p.respStatic, err = NewStatic(p.respPrivate)
	require.NoError(t, err)
	p.newMachines(t)
	return p
}

func (p *pair) newMachines(t testing.TB) {
	var err error
	p.init, err = NewInitiator(p.suite, p.initStatic, p.prologue, p.initEphemeral)
	require.NoError(t, err)
	p.resp, err = NewResponder(p.suite, p.respStatic, p.prologue, p.respEphemeral)
	require.NoError(t, err)
}

func (p *pair) writeInit(t testing.TB) {
	var err error
	p.msg1, err = p.init.WriteInit(p.payload1)
	require.NoError(t, err)
}

func (p *pair) writeResponse(t testing.TB) {
	var err error
	p.read1, err = p.resp.ReadInit(p.msg1, len(p.payload1))
	require.NoError(t, err)
	p.msg2, err = p.resp.WriteResponse(p.payload2)
	require.NoError(t, err)
}

func (p *pair) readResponse(t testing.TB) {
	var err error
	p.read2, p.initRemote, err = p.init.ReadResponse(p.msg2, len(p.payload2))
	require.NoError(t, err)
}

func (p *pair) writeFinal(t testing.TB) {
	var err error
	p.msg3, p.initKeys, err = p.init.WriteFinal(p.payload3)
	require.NoError(t, err)
}

func (p *pair) readFinal(t testing.TB) {
	var err error
	p.read3, p.respKeys, err = p.resp.ReadFinal(p.msg3, len(p.payload3))
	require.NoError(t, err)
}

// toResponse runs the handshake until message 2 is written.
func (p *pair) toResponse(t testing.TB) { p.writeInit(t); p.writeResponse(t) }

// toFinal runs the handshake until message 3 is written.
func (p *pair) toFinal(t testing.TB) { p.toResponse(t); p.readResponse(t); p.writeFinal(t) }

// complete runs a handshake to its end from where message 2 is written.
func (p *pair) complete(t testing.TB) {
	p.readResponse(t)
	p.writeFinal(t)
	p.readFinal(t)
	p.requireDone(t)
}

func (p *pair) requireDone(t testing.TB) {
	require.True(t, bytes.Equal(p.payload1, p.read1))
	require.True(t, bytes.Equal(p.payload2, p.read2))
	require.True(t, bytes.Equal(p.payload3, p.read3))
	require.Equal(t, p.respStatic.Public(), p.initRemote)
	require.Equal(t, p.respStatic.Public(), p.initKeys.Remote)
	require.Equal(t, p.initStatic.Public(), p.respKeys.Remote)
	require.Equal(t, p.initKeys.Hash, p.respKeys.Hash)
	require.Equal(t, p.initKeys.Send, p.respKeys.Receive)
	require.Equal(t, p.initKeys.Receive, p.respKeys.Send)
	require.NotEqual(t, p.initKeys.Send, p.initKeys.Receive)
}

func forSuites(t *testing.T, f func(t *testing.T, suite wire.Suite, r testRand)) {
	for _, suite := range suites {
		t.Run(suite.String(), func(t *testing.T) { f(t, suite, newRand(t)) })
	}
}

func TestBothSidesAgree(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		seen := map[[32]byte]bool{}
		for range 20 {
			p := newPair(t, suite, r)
			p.toFinal(t)
			p.readFinal(t)
			p.requireDone(t)
			for _, v := range [][32]byte{p.initKeys.Send, p.initKeys.Receive, p.initKeys.Hash} {
				require.False(t, seen[v], "two handshakes share a key or hash")
				seen[v] = true
			}
		}
	})
}

func TestMessageSizesMatchWire(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.payload1 = make([]byte, wire.InitPadding)
		p.payload2, p.payload3 = make([]byte, wire.HelloSize), make([]byte, wire.HelloSize)
		p.toFinal(t)
		require.Len(t, p.msg1, wire.InitSize-wire.HeaderSize-wire.CookieSize)
		require.Len(t, p.msg2, wire.ResponseSize-wire.HeaderSize)
		require.Len(t, p.msg3, wire.FinalSize-wire.HeaderSize)
	})
}

// Message 2 is rejected if the sides differ in prologue or suite.
func TestDisagreementFails(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		other := wire.AESGCM + wire.ChaChaPoly - suite
		for name, resp := range map[string]struct {
			suite    wire.Suite
			prologue string
		}{
			"prologue":          {suite, "Prologue"},
			"shorter prologue":  {suite, "prologu"},
			"longer prologue":   {suite, "prologue\x00"},
			"no prologue":       {suite, ""},
			"suite":             {other, "prologue"},
			"suite as prologue": {other, "prologue" + other.String()},
		} {
			p := newPair(t, suite, r)
			p.prologue = []byte("prologue")
			p.newMachines(t)
			var err error
			p.resp, err = NewResponder(resp.suite, p.respStatic, []byte(resp.prologue), p.respEphemeral)
			require.NoError(t, err, name)
			p.toResponse(t)
			_, _, err = p.init.ReadResponse(p.msg2, len(p.payload2))
			require.ErrorIs(t, err, ErrMessage, name)
		}
	})
}

// Methods called out of order return ErrState and have no effect.
func TestCallsOutOfOrder(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		calls := map[string]func() error{
			"WriteInit":     func() error { _, err := p.init.WriteInit(p.payload1); return err },
			"ReadResponse":  func() error { _, _, err := p.init.ReadResponse(p.msg2, len(p.payload2)); return err },
			"Reject":        func() error { return p.init.Reject() },
			"WriteFinal":    func() error { _, k, err := p.init.WriteFinal(p.payload3); requireNoKeys(t, err, k); return err },
			"ReadInit":      func() error { _, err := p.resp.ReadInit(p.msg1, len(p.payload1)); return err },
			"WriteResponse": func() error { _, err := p.resp.WriteResponse(p.payload2); return err },
			"ReadFinal": func() error {
				_, k, err := p.resp.ReadFinal(p.msg3, len(p.payload3))
				requireNoKeys(t, err, k)
				return err
			},
		}
		refuse := func(names ...string) {
			for _, name := range names {
				require.ErrorIs(t, calls[name](), ErrState, name)
			}
		}
		refuse("ReadResponse", "Reject", "WriteFinal", "WriteResponse", "ReadFinal")
		p.writeInit(t)
		refuse("WriteInit", "Reject", "WriteFinal", "WriteResponse", "ReadFinal")
		p.read1, _ = p.resp.ReadInit(p.msg1, len(p.payload1))
		refuse("WriteInit", "Reject", "WriteFinal", "ReadInit", "ReadFinal")
		p.msg2, _ = p.resp.WriteResponse(p.payload2)
		refuse("WriteInit", "Reject", "WriteFinal", "ReadInit", "WriteResponse")
		p.readResponse(t)
		refuse("WriteInit", "ReadResponse", "ReadInit", "WriteResponse")
		p.writeFinal(t)
		refuse("WriteInit", "ReadResponse", "Reject", "WriteFinal", "ReadInit", "WriteResponse")
		p.readFinal(t)
		p.requireDone(t)
		refuse("WriteInit", "ReadResponse", "Reject", "WriteFinal", "ReadInit", "WriteResponse", "ReadFinal")

		p.init, p.resp = new(Initiator), new(Responder)
		refuse("WriteInit", "ReadResponse", "Reject", "WriteFinal", "ReadInit", "WriteResponse", "ReadFinal")
	})
}

func requireNoKeys(t testing.TB, err error, k Keys) {
	if err != nil && k != (Keys{}) {
		require.Fail(t, "keys returned with an error")
	}
}

func TestUnusableParameters(t *testing.T) {
	r := newRand(t)
	_, err := NewStatic([KeySize]byte{})
	require.ErrorIs(t, err, ErrKey)
	good, err := NewStatic(r.key())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		suite     wire.Suite
		s         *Static
		ephemeral [KeySize]byte
		err       error
	}{
		"zero suite":     {0, good, r.key(), ErrSuite},
		"unknown suite":  {3, good, r.key(), ErrSuite},
		"nil static":     {wire.AESGCM, nil, r.key(), ErrKey},
		"zero static":    {wire.AESGCM, new(Static), r.key(), ErrKey},
		"zero ephemeral": {wire.AESGCM, good, [KeySize]byte{}, ErrKey},
	} {
		i, err := NewInitiator(c.suite, c.s, nil, c.ephemeral)
		require.ErrorIs(t, err, c.err, name)
		require.Nil(t, i, name)
		h, err := NewResponder(c.suite, c.s, nil, c.ephemeral)
		require.ErrorIs(t, err, c.err, name)
		require.Nil(t, h, name)
	}
}

// Payloads up to the length limit of section 3 are accepted. A payload one byte
// longer is rejected, and the handshake can go on.
func TestPayloadLimits(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		p := newPair(t, suite, r)
		p.payload1 = make([]byte, 65535-32)
		p.payload2 = make([]byte, 65535-96)
		p.payload3 = make([]byte, 65535-64)
		_, err := p.init.WriteInit(append(p.payload1, 0))
		require.ErrorIs(t, err, ErrLength)
		p.writeInit(t)
		_, err = p.resp.ReadInit(append(p.msg1, 0), len(p.payload1)+1)
		require.ErrorIs(t, err, ErrLength)
		_, err = p.resp.ReadInit(p.msg1, len(p.payload1))
		require.NoError(t, err)
		_, err = p.resp.WriteResponse(append(p.payload2, 0))
		require.ErrorIs(t, err, ErrLength)
		p.msg2, err = p.resp.WriteResponse(p.payload2)
		require.NoError(t, err)
		p.readResponse(t)
		_, _, err = p.init.WriteFinal(append(p.payload3, 0))
		require.ErrorIs(t, err, ErrLength)
		p.writeFinal(t)
		p.readFinal(t)
		for _, m := range [][]byte{p.msg1, p.msg2, p.msg3} {
			require.Len(t, m, 65535)
		}
	})
}

// Methods neither change nor keep their inputs, and results share no memory with
// the machines. Forged messages in between force the machines to rebuild their
// state from what they kept.
func TestBuffersAreNotShared(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		r2 := fixedRand(r.Uint64())
		want, got := newPair(t, suite, fixedRand(7)), newPair(t, suite, fixedRand(7))
		want.toFinal(t)

		// lend passes a copy of b to call, and overwrites the copy afterwards.
		lend := func(b []byte, call func([]byte)) {
			c := bytes.Clone(b)
			call(c)
			require.True(t, bytes.Equal(b, c), "input changed")
			copy(c, r2.bytes(len(c)))
		}
		take := func(b []byte) []byte {
			c := bytes.Clone(b)
			clear(b[:cap(b)])
			return c
		}
		var err error
		lend(got.prologue, func(prologue []byte) {
			got.init, err = NewInitiator(suite, got.initStatic, prologue, got.initEphemeral)
			require.NoError(t, err)
		})
		lend(got.prologue, func(prologue []byte) {
			got.resp, err = NewResponder(suite, got.respStatic, prologue, got.respEphemeral)
			require.NoError(t, err)
		})
		lend(got.payload1, func(b []byte) { got.msg1, err = got.init.WriteInit(b) })
		require.NoError(t, err)
		got.msg1 = take(got.msg1)
		lend(got.msg1, func(b []byte) { got.read1, err = got.resp.ReadInit(b, len(got.payload1)) })
		require.NoError(t, err)
		take(got.read1)
		lend(got.payload2, func(b []byte) { got.msg2, err = got.resp.WriteResponse(b) })
		require.NoError(t, err)
		got.msg2 = take(got.msg2)
		lend(r2.bytes(len(got.msg2)), func(b []byte) {
			_, _, err = got.init.ReadResponse(b, len(got.payload2))
			require.ErrorIs(t, err, ErrMessage)
		})
		lend(got.msg2, func(b []byte) { got.read2, _, err = got.init.ReadResponse(b, len(got.payload2)) })
		require.NoError(t, err)
		take(got.read2)
		lend(r2.bytes(len(got.payload3)+64), func(b []byte) {
			_, _, err = got.resp.ReadFinal(b, len(got.payload3))
			require.ErrorIs(t, err, ErrMessage)
		})
		lend(got.payload3, func(b []byte) { got.msg3, got.initKeys, err = got.init.WriteFinal(b) })
		require.NoError(t, err)
		got.msg3 = take(got.msg3)
		lend(got.msg3, func(b []byte) { got.read3, got.respKeys, err = got.resp.ReadFinal(b, len(got.payload3)) })
		require.NoError(t, err)
		require.Equal(t, want.msg3, got.msg3)
		require.Equal(t, want.initKeys, got.initKeys)
		require.Equal(t, got.initKeys.Hash, got.respKeys.Hash)
	})
}

// An endpoint and its worker share a Static. This test needs -race.
func TestStaticIsSafeForConcurrentUse(t *testing.T) {
	r := newRand(t)
	shared := newPair(t, wire.AESGCM, r)
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for range cap(errs) {
		ie, re := r.key(), r.key()
		wg.Go(func() { errs <- runHandshake(shared.initStatic, shared.respStatic, ie, re) })
	}
	wg.Wait()
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
}

func runHandshake(is, rs *Static, ie, re [KeySize]byte) error {
	i, err1 := NewInitiator(wire.AESGCM, is, nil, ie)
	h, err2 := NewResponder(wire.AESGCM, rs, nil, re)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	msg1, err1 := i.WriteInit(nil)
	_, err2 = h.ReadInit(msg1, 0)
	msg2, err3 := h.WriteResponse(nil)
	_, _, err4 := i.ReadResponse(msg2, 0)
	msg3, ik, err5 := i.WriteFinal(nil)
	_, hk, err6 := h.ReadFinal(msg3, 0)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return err
	}
	if ik.Send != hk.Receive {
		return fmt.Errorf("keys differ")
	}
	return nil
}
