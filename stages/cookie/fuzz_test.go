package cookie

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// FuzzOpenChallenge is an attacker who sends challenges to a dialer. Only a packet that,
// except for the cookie, is determined by the dialer's Init opens.
func FuzzOpenChallenge(f *testing.F) {
	f.Add(initPacket(1), AppendChallenge(nil, initPacket(1), someCookie))
	f.Add(initPacket(1), AppendChallenge(nil, initPacket(2), someCookie))
	f.Add(initPacket(1), bytes.Repeat([]byte{0}, wire.CookiePacketSize))
	f.Add([]byte{}, []byte{0x15})
	f.Fuzz(func(t *testing.T, init, challenge []byte) {
		cookie, ok := OpenChallenge(init, challenge)
		if !ok {
			require.Zero(t, cookie)
			return
		}
		require.Equal(t, AppendChallenge(nil, init, cookie), challenge)
	})
}

// FuzzStage: the attacker sends any bytes from any address at any time. A packet
// that passes is not an Init, malformed, or has a cookie from this jar. A reply is
// a challenge that opens, and no larger than the packet.
func FuzzStage(f *testing.F) {
	f.Add(initPacket(1), []byte{192, 0, 2, 1}, uint16(1), int64(0))
	f.Add(initPacket(2), make([]byte, 16), uint16(65535), int64(lifetime))
	f.Add([]byte{0x12}, []byte{}, uint16(0), int64(-1))
	f.Fuzz(func(t *testing.T, data, ip []byte, port uint16, age int64) {
		s := newStage(t, Config{})
		addr, _ := netip.AddrFromSlice(ip)
		from := netip.AddrPortFrom(addr, port)
		before := bytes.Clone(data)
		p := packet(data, from, start)
		h, fault := wire.ParseHeader(data)
		isInit := fault == wire.FaultNone && h.Type == wire.TypeInit

		v := s.Process(p)
		require.Equal(t, before, data)
		if !isInit {
			require.Equal(t, pipeline.Accept, v)
			require.Empty(t, p.Reply)
			return
		}
		require.Equal(t, pipeline.Consumed, v, "no cookie exists before the first challenge")
		require.LessOrEqual(t, len(p.Reply), len(data))
		cookie, ok := OpenChallenge(data, p.Reply)
		require.True(t, ok)

		retry := packet(withCookie(data, cookie), from, start+pipeline.Time(age))
		switch v := s.Process(retry); {
		case age >= 0 && age < int64(lifetime):
			require.Equal(t, pipeline.Accept, v)
		case age >= int64(lifetime) && age < 1<<60:
			require.Equal(t, pipeline.Consumed, v)
		}
	})
}

// FuzzStageLaws holds the stage to the laws of package fuzz. The attacker sends
// any packets; every other Init has a cookie of the stage's secret, and some of
// these are changed on the way.
func FuzzStageLaws(f *testing.F) {
	fuzz.Stage(f, func() *Stage { return must(New(Config{Rand: sameRand{}})) }, fuzz.AllocFree(), fuzz.Prepare(func(p *pipeline.Packet) {
		if h, fault := wire.ParseHeader(p.Data); fault != wire.FaultNone || h.Type != wire.TypeInit || h.Sender%2 == 0 {
			return
		}
		if cookie, ok := sameJar.Cookie(p.Now, p.Addr, p.Data); ok {
			copy(wire.InitCookie(p.Data), cookie[:])
		}
	}))
}

// sameRand always returns the same secret, so that sameJar has the one of every stage.
type sameRand struct{}

func (sameRand) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte{1}, len(b))), nil }

var sameJar = NewJar(sameRand{})

// must is for the constructors passed to package fuzz, which have no *testing.T.
func must(s *Stage, err error) *Stage {
	if err != nil {
		panic(err)
	}
	return s
}
