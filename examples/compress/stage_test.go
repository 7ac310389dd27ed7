package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/fuzz/chain"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// through runs a payload through a stage.
func through(s pipeline.Stage, payload []byte) ([]byte, pipeline.Verdict) {
	var p pipeline.Packet
	p.Reset(nil, netip.AddrPort{}, 0)
	p.SetPayload(payload)
	v := s.Process(&p)
	return p.Payload(), v
}

// inflate reverses deflate, and deflate adds no more bytes than it declares.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	d, i := newDeflate(), newInflate()
	for range 2000 {
		payload := make([]byte, random.IntN(1200))
		variety := 1 + random.IntN(256)
		for k := range payload {
			payload[k] = byte(random.IntN(variety))
		}
		small, v := through(d, payload)
		require.Equal(t, pipeline.Accept, v)
		require.LessOrEqual(t, len(small), len(payload)+d.MaxGrowth())
		back, v := through(i, small)
		require.Equal(t, pipeline.Accept, v)
		require.True(t, bytes.Equal(payload, back))
	}
}

func TestInflateDropsInvalidPayloads(t *testing.T) {
	d, i := newDeflate(), newInflate()
	form := func(payload string) []byte {
		b, v := through(d, []byte(payload))
		require.Equal(t, pipeline.Accept, v)
		require.EqualValues(t, deflated, b[0])
		return bytes.Clone(b)
	}
	good := form(strings.Repeat("state ", 50))
	for name, c := range map[string]struct {
		payload []byte
		want    pipeline.Verdict
	}{
		"valid":          {good, pipeline.Accept},
		"empty":          {nil, dropMalformed},
		"unknown format": {[]byte{2, 1}, dropMalformed},
		"no stream":      {[]byte{deflated}, dropMalformed},
		"not DEFLATE":    {[]byte{deflated, 0xff, 0xff, 0xff}, dropMalformed},
		"truncated":      {good[:len(good)-2], dropMalformed},
		"trailing byte":  {append(bytes.Clone(good), 0), dropMalformed},
		"longest":        {form(strings.Repeat("a", maxInflated)), pipeline.Accept},
		"too long":       {form(strings.Repeat("a", maxInflated+1)), dropTooLong},
		"valid again":    {good, pipeline.Accept},
	} {
		_, v := through(i, c.payload)
		require.Equal(t, c.want, v, name)
	}
}

// An authenticated peer can send any payload. None makes inflate panic, read
// outside of the payload, or keep it.
func FuzzInflate(f *testing.F) {
	small, _ := through(newDeflate(), state(42))
	fuzz.Stage(f, newInflate, fuzz.Seed([]byte{plain, 1, 2}, []byte{deflated, 0x4b, 0x04, 0x00}, small))
}

// No payload of the application makes deflate add more bytes than it declares.
func FuzzDeflate(f *testing.F) { fuzz.Stage(f, newDeflate, fuzz.Seed(state(42)), fuzz.AllocFree()) }

// The stages keep the laws of chain.Fuzz inside the default chains.
func FuzzChain(f *testing.F) {
	chain.Fuzz(f, func(s *stages.Set) error { return compressing(newDeflate())(s) })
}

// inflate never returns more bytes than its limit.
func FuzzInflateLimit(f *testing.F) {
	f.Add([]byte{plain, 1, 2})
	f.Add([]byte{deflated, 0x4b, 0x04, 0x00})
	i := newInflate()
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, v := through(i, payload)
		if v == pipeline.Accept && len(out) > max(maxInflated, len(payload)) {
			t.Fatalf("%d bytes out of %d", len(out), len(payload))
		}
	})
}

func TestStagesDoNotAllocate(t *testing.T) {
	d, i := newDeflate(), newInflate()
	payload := state(42)
	var p pipeline.Packet
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p.Reset(nil, netip.AddrPort{}, 0)
		p.SetPayload(payload)
		if d.Process(&p) != pipeline.Accept || i.Process(&p) != pipeline.Accept {
			t.Fatal("dropped")
		}
	}))
}
