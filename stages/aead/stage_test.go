package aead

import (
	"bytes"
	"math"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

var (
	epochA = pipeline.MakeID(1, 1)
	epochB = pipeline.MakeID(2, 1)
)

// newKey returns a key of the suite; differing seeds differ.
func newKey(t testing.TB, suite wire.Suite, seed byte) Key {
	c, err := noise.NewAEAD(suite, [noise.KeySize]byte{seed, 31: 1})
	require.NoError(t, err)
	return NewKey(suite, c)
}

// newPair returns both stages with epochs A and B, under keys of their own.
func newPair(t testing.TB, suite wire.Suite) (*Seal, *Stage) {
	seal, open := NewSeal(), New()
	for i, e := range []pipeline.ID{epochA, epochB} {
		n := pipeline.EpochNotice{Epoch: e}
		seal.EpochOpened(n)
		open.EpochOpened(n)
		seal.InstallKey(e, newKey(t, suite, byte(i)), 0)
		open.InstallKey(e, newKey(t, suite, byte(i)))
	}
	return seal, open
}

// packet returns a packet as Seal gets it, with room for the tag.
func packet(epoch pipeline.ID, counter uint64, frames string) *pipeline.Packet {
	data := wire.AppendHeader(make([]byte, 0, wire.Overhead+len(frames)), wire.Header{
		Type: wire.TypeData, Receiver: uint32(epoch), Counter: counter,
	})
	p := new(pipeline.Packet)
	p.Reset(append(data, frames...), netip.AddrPort{}, 0)
	p.Epoch, p.Counter = epoch, counter
	return p
}

func sealed(t testing.TB, seal *Seal, epoch pipeline.ID, counter uint64, frames string) []byte {
	p := packet(epoch, counter, frames)
	require.Equal(t, pipeline.Accept, seal.Process(p))
	require.Len(t, p.Data, wire.Overhead+len(frames))
	return p.Data
}

// receive opens a copy of data with the epoch and counter that the header stage would
// fill in.
func receive(open *Stage, epoch pipeline.ID, counter uint64, data []byte) (*pipeline.Packet, pipeline.Verdict) {
	p := new(pipeline.Packet)
	p.Reset(bytes.Clone(data), netip.AddrPort{}, 0)
	p.Epoch, p.Counter = epoch, counter
	return p, open.Process(p)
}

func TestRoundTrip(t *testing.T) {
	for _, suite := range suites {
		seal, open := newPair(t, suite)
		for i, frames := range []string{"", "f", "frames of a packet", string(make([]byte, 1200))} {
			counter := uint64(i) << (20 * i)
			data := sealed(t, seal, epochA, counter, frames)
			require.Equal(t, packet(epochA, counter, "").Data, data[:wire.HeaderSize], "the header stays in the clear")
			p, v := receive(open, epochA, counter, data)
			require.Equal(t, pipeline.Accept, v)
			require.True(t, p.Opened())
			require.Equal(t, frames, string(p.Payload()))
			require.Len(t, p.Payload(), cap(p.Payload()), "a stage that appends leaves the datagram alone")
		}
		require.Zero(t, open.Failures(epochA))
	}
}

// The bytes on the wire are those of the handshake's cipher, used as the Noise
// specification says.
func TestSealIsTheCipher(t *testing.T) {
	for _, suite := range suites {
		seal, _ := newPair(t, suite)
		data := sealed(t, seal, epochB, 0x0102, "frames")
		c := newKey(t, suite, 1).cipher
		header := packet(epochB, 0x0102, "").Data
		want := c.Seal(nil, noise.AppendNonce(nil, suite, 0x0102), []byte("frames"), header)
		require.Equal(t, want, data[wire.HeaderSize:])
	}
}

// Threat 21: the header is authenticated with the rest.
func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	for _, suite := range suites {
		seal, open := newPair(t, suite)
		data := sealed(t, seal, epochA, 7, "some frames")
		for bit := range 8 * len(data) {
			data[bit/8] ^= 1 << (bit % 8)
			p, v := receive(open, epochA, 7, data)
			require.Equal(t, DropForged, v, "bit %d", bit)
			require.False(t, p.Opened())
			require.Nil(t, p.Payload())
			data[bit/8] ^= 1 << (bit % 8)
		}
		require.EqualValues(t, 8*len(data), open.Failures(epochA))
		_, v := receive(open, epochA, 7, data)
		require.Equal(t, pipeline.Accept, v, "the genuine one still passes")
	}
}

func TestOpenVerdicts(t *testing.T) {
	for _, suite := range suites {
		seal, open := newPair(t, suite)
		data := sealed(t, seal, epochA, 7, "some frames")
		other := suites[suite%2]
		for _, c := range []struct {
			name    string
			epoch   pipeline.ID
			counter uint64
			data    []byte
			want    pipeline.Verdict
		}{
			{"genuine", epochA, 7, data, pipeline.Accept},
			{"another counter", epochA, 8, data, DropForged},
			{"another epoch", epochB, 7, data, DropForged},
			{"no epoch", 0, 7, data, DropNoKey},
			{"an unknown epoch", pipeline.MakeID(3, 1), 7, data, DropNoKey},
			{"another generation", pipeline.MakeID(1, 2), 7, data, DropNoKey},
			{"cut off", epochA, 7, data[:len(data)-1], DropForged},
			{"longer", epochA, 7, append(bytes.Clone(data), 0), DropForged},
			{"header and tag", epochA, 7, data[:wire.Overhead], DropForged},
			{"less than that", epochA, 7, data[:wire.Overhead-1], DropShort},
			{"empty", epochA, 7, nil, DropShort},
		} {
			_, v := receive(open, c.epoch, c.counter, c.data)
			require.Equal(t, c.want, v, "%s, %s", suite, c.name)
		}
		require.EqualValues(t, 4, open.Failures(epochA))
		require.EqualValues(t, 1, open.Failures(epochB))
		require.Zero(t, open.Failures(0))

		open.InstallKey(epochA, newKey(t, suite, 9))
		_, v := receive(open, epochA, 7, data)
		require.Equal(t, DropForged, v, "another key")
		open.InstallKey(epochA, newKey(t, other, 0))
		_, v = receive(open, epochA, 7, data)
		require.Equal(t, DropForged, v, "another suite")
	}
}

// Threat 34: a counter is never sealed twice, nor does it wrap.
func TestSealRefusesUsedCounters(t *testing.T) {
	seal, _ := newPair(t, wire.AESGCM)
	seal.InstallKey(epochB, newKey(t, wire.AESGCM, 1), 10)
	for _, c := range []struct {
		epoch   pipeline.ID
		counter uint64
		want    pipeline.Verdict
	}{
		{epochA, 0, pipeline.Accept},
		{epochA, 0, DropReused},
		{epochA, 5, pipeline.Accept},
		{epochA, 5, DropReused},
		{epochA, 4, DropReused},
		{epochA, 6, pipeline.Accept},
		{epochB, 9, DropReused},
		{epochB, 10, pipeline.Accept},
		{epochA, math.MaxUint64 - 1, pipeline.Accept},
		{epochA, math.MaxUint64 - 1, DropReused},
		{epochA, math.MaxUint64, DropReused},
		{epochA, 0, DropReused},
	} {
		p := packet(c.epoch, c.counter, "frames")
		want := bytes.Clone(p.Data)
		require.Equal(t, c.want, seal.Process(p), "epoch %x, counter %d", c.epoch, c.counter)
		if c.want != pipeline.Accept {
			require.Equal(t, want, p.Data)
		}
	}
}

func TestSealNeedsKeyHeaderAndRoom(t *testing.T) {
	seal, _ := newPair(t, wire.AESGCM)
	for room := range wire.TagSize {
		p := packet(epochA, 0, "frames")
		p.Data = p.Data[: len(p.Data) : len(p.Data)+room]
		require.Equal(t, DropNoRoom, seal.Process(p), "room for %d bytes", room)
	}
	p := packet(epochA, 0, "")
	p.Data = p.Data[:wire.HeaderSize-1]
	require.Equal(t, DropSealNoKey, seal.Process(p))
	require.Equal(t, DropSealNoKey, seal.Process(packet(pipeline.MakeID(1, 2), 0, "f")))
	require.Equal(t, pipeline.Accept, seal.Process(packet(epochA, 0, "f")), "none of those has used the counter")
}

func TestKeysAreDeletedWithTheirEpoch(t *testing.T) {
	seal, open := newPair(t, wire.ChaChaPoly)
	data := sealed(t, seal, epochA, 0, "frames")
	other := sealed(t, seal, epochB, 0, "frames")
	n := pipeline.EpochNotice{Epoch: epochA}
	seal.EpochClosed(n)
	open.EpochClosed(n)
	check := func() {
		require.Equal(t, DropSealNoKey, seal.Process(packet(epochA, 1, "frames")))
		_, v := receive(open, epochA, 0, data)
		require.Equal(t, DropNoKey, v)
	}
	check()
	seal.InstallKey(epochA, newKey(t, wire.ChaChaPoly, 0), 0)
	open.InstallKey(epochA, newKey(t, wire.ChaChaPoly, 0))
	check() // a key needs an open epoch
	seal.EpochOpened(n)
	open.EpochOpened(n)
	check() // and a new one starts without a key
	_, v := receive(open, epochB, 0, other)
	require.Equal(t, pipeline.Accept, v, "the other epoch keeps its own")
}

func TestBuild(t *testing.T) {
	open, seal := New(), NewSeal()
	reader := pipeline.Func("reader", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept })
	_, err := pipeline.NewInbound(reader, open).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
	_, err = pipeline.NewInbound(open, reader).Build()
	require.NoError(t, err)
	_, err = pipeline.NewInbound(open, reader).Remove("aead").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
	_, err = pipeline.NewOutbound(seal, reader).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
	_, err = pipeline.NewOutbound(reader, seal).Remove("seal").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
}

func TestReasonsMatchTheConstants(t *testing.T) {
	for name, v := range map[string]pipeline.Verdict{"no_key": DropNoKey, "short": DropShort, "forged": DropForged} {
		require.Equal(t, name, new(Stage).Reasons()[v-pipeline.DropFirst])
	}
	for name, v := range map[string]pipeline.Verdict{"no_key": DropSealNoKey, "reused": DropReused, "no_room": DropNoRoom} {
		require.Equal(t, name, new(Seal).Reasons()[v-pipeline.DropFirst])
	}
	require.Len(t, new(Stage).Reasons(), 3)
	require.Len(t, new(Seal).Reasons(), 3)
}

func TestProcessDoesNotAllocate(t *testing.T) {
	for _, suite := range suites {
		seal, open := newPair(t, suite)
		buf := make([]byte, 0, 1232)
		p, counter := new(pipeline.Packet), uint64(0)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			p.Reset(wire.AppendHeader(buf, wire.Header{Type: wire.TypeData, Receiver: uint32(epochA), Counter: counter}), p.Addr, 0)
			p.Data = p.Data[:1000]
			p.Epoch, p.Counter = epochA, counter
			if seal.Process(p) != pipeline.Accept || open.Process(p) != pipeline.Accept || open.Process(p) != DropForged {
				t.Fatal("not sealed, not opened, or opened twice in place")
			}
			counter++
		}), suite.String())
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, suite := range suites {
		b.Run(suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(1232)
			seal, open := newPair(b, suite)
			data := sealed(b, seal, epochA, 0, string(make([]byte, 1200)))
			p, buf := new(pipeline.Packet), make([]byte, 1232)
			for b.Loop() {
				copy(buf, data)
				p.Reset(buf, p.Addr, 0)
				p.Epoch = epochA
				open.Process(p)
			}
		})
	}
}

// Warm reads what Process will need, and nothing for an unknown epoch.
func TestWarm(t *testing.T) {
	seal, open := newPair(t, wire.AESGCM)
	unknown := pipeline.MakeID(9, 1)
	require.Zero(t, seal.Warm(0, unknown, 1))
	require.Zero(t, open.Warm(0, unknown, 1))
	require.Equal(t, pipeline.Accept, seal.Process(packet(epochA, 7, "frames")))
	forged := packet(epochB, 0, "forged")
	forged.Data = append(forged.Data, make([]byte, wire.TagSize)...)
	require.Equal(t, DropForged, open.Process(forged))
	for range 2 {
		require.EqualValues(t, 8+nonceSize, seal.Warm(0, epochA, 1))
		require.EqualValues(t, open.Failures(epochB)+nonceSize, open.Warm(0, epochB, 1))
		require.EqualValues(t, 1, open.Failures(epochB))
	}
}
