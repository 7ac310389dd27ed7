package aead

import (
	"bytes"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// genuine are the sealed packets.
var genuine = []struct {
	epoch   pipeline.ID
	counter uint64
	frames  string
}{{epochA, 7, "some frames"}, {epochA, 8, "some frames"}, {epochB, 8, ""}}

// FuzzOpen is anyone on the network without the key. A datagram with any epoch and
// counter opens only if it was sealed with exactly these, and no byte outside of it
// changes.
func FuzzOpen(f *testing.F) {
	for _, suite := range suites {
		seal, _ := newPair(f, suite)
		for _, g := range genuine {
			data := sealed(f, seal, g.epoch, g.counter, g.frames)
			f.Add(uint32(g.epoch), g.counter, data)
			f.Add(uint32(epochB), g.counter+1, data)
		}
	}
	f.Add(uint32(0), uint64(0), []byte{})
	f.Add(uint32(epochA), ^uint64(0), make([]byte, wire.Overhead))
	f.Fuzz(func(t *testing.T, epoch uint32, counter uint64, data []byte) {
		for _, suite := range suites {
			seal, open := newPair(t, suite)
			frames, isGenuine := "", false
			for _, g := range genuine {
				if string(sealed(t, seal, g.epoch, g.counter, g.frames)) == string(data) && epoch == uint32(g.epoch) && counter == g.counter {
					frames, isGenuine = g.frames, true
				}
			}
			const margin = 32
			arena := bytes.Repeat([]byte{0xa5}, 2*margin+len(data))
			copy(arena[margin:], data)
			p := new(pipeline.Packet)
			p.Reset(arena[margin:margin+len(data)], p.Addr, 0)
			p.Epoch, p.Counter = pipeline.ID(epoch), counter

			v := open.Process(p)
			require.Equal(t, isGenuine, v == pipeline.Accept)
			if isGenuine {
				require.Equal(t, frames, string(p.Payload()))
			} else {
				require.Contains(t, []pipeline.Verdict{DropNoKey, DropShort, DropForged}, v)
				require.False(t, p.Opened())
				require.Nil(t, p.Payload())
			}
			require.Equal(t, bytes.Repeat([]byte{0xa5}, margin), arena[:margin])
			require.Equal(t, bytes.Repeat([]byte{0xa5}, margin), arena[margin+len(data):])
		}
	})
}

// FuzzRoundTrip is the application, with any frames and counters. A sealed packet opens
// to the same bytes, does not open if one bit was changed, and no counter is sealed
// twice.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("frames"), uint64(0), uint64(1), uint16(3))
	f.Add([]byte{}, uint64(1<<63), uint64(1<<63), uint16(8*16))
	f.Add(bytes.Repeat([]byte{1}, 1200), ^uint64(0), uint64(5), uint16(9999))
	f.Fuzz(func(t *testing.T, frames []byte, counter, again uint64, flip uint16) {
		for _, suite := range suites {
			seal, open := newPair(t, suite)
			p := packet(epochA, counter, string(frames))
			if counter == ^uint64(0) {
				require.Equal(t, DropReused, seal.Process(p))
				continue
			}
			require.Equal(t, pipeline.Accept, seal.Process(p))
			got, v := receive(open, epochA, counter, p.Data)
			require.Equal(t, pipeline.Accept, v)
			require.Equal(t, string(frames), string(got.Payload()))

			bit := int(flip) % (8 * len(p.Data))
			p.Data[bit/8] ^= 1 << (bit % 8)
			_, v = receive(open, epochA, counter, p.Data)
			require.Equal(t, DropForged, v, "bit %d", bit)

			want := pipeline.Accept
			if again <= counter || again == ^uint64(0) {
				want = DropReused
			}
			require.Equal(t, want, seal.Process(packet(epochA, again, string(frames))))
		}
	})
}

// openWithKeys and sealWithKeys are the stages with a key for each epoch that
// opens, as conn installs them.
type (
	openWithKeys struct{ *Stage }
	sealWithKeys struct{ *Seal }
)

func (s openWithKeys) EpochOpened(n pipeline.EpochNotice) {
	s.Stage.EpochOpened(n)
	s.InstallKey(n.Epoch, keyOf(n.Epoch))
}

func (s sealWithKeys) EpochOpened(n pipeline.EpochNotice) {
	s.Seal.EpochOpened(n)
	s.InstallKey(n.Epoch, keyOf(n.Epoch), 1)
}

var keys = map[pipeline.ID]Key{}

// keyOf returns the key of an epoch; epochs alternate between the suites.
func keyOf(epoch pipeline.ID) Key {
	k, ok := keys[epoch]
	if !ok {
		suite := suites[epoch.Number()%2]
		c, err := noise.NewAEAD(suite, [noise.KeySize]byte{byte(epoch), 31: 1})
		if err != nil {
			panic(err)
		}
		k = NewKey(suite, c)
		keys[epoch] = k
	}
	return k
}

// FuzzOpenLaws holds the stage to the laws of package fuzz. Packets whose last byte is
// even are genuine.
func FuzzOpenLaws(f *testing.F) {
	fuzz.Stage(f, func() openWithKeys { return openWithKeys{New()} }, fuzz.AllocFree(), fuzz.Prepare(func(p *pipeline.Packet) {
		n := len(p.Data)
		if n < wire.Overhead || p.Data[n-1]%2 == 1 {
			return
		}
		k := keyOf(p.Epoch)
		k.put(&scratch, p.Counter)
		header, frames := p.Data[:wire.HeaderSize], p.Data[wire.HeaderSize:n-wire.TagSize]
		k.cipher.Seal(header, scratch[:], frames, header)
	}))
}

var scratch [nonceSize]byte // not on the stack, for AllocFree

// FuzzSealLaws holds Seal to the laws of package fuzz.
func FuzzSealLaws(f *testing.F) {
	fuzz.Stage(f, func() sealWithKeys { return sealWithKeys{NewSeal()} }, fuzz.AllocFree())
}
