package cookie

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

func newStage(t testing.TB, cfg Config) *Stage {
	if cfg.Rand == nil {
		cfg.Rand = strongRand()
	}
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

func packet(data []byte, addr netip.AddrPort, now pipeline.Time) *pipeline.Packet {
	p := &pipeline.Packet{Reply: make([]byte, 0, wire.CookiePacketSize)}
	p.Reset(data, addr, now)
	return p
}

// answer returns init with the cookie from the challenge to addr.
func answer(t testing.TB, s *Stage, init []byte, addr netip.AddrPort, now pipeline.Time) []byte {
	p := packet(init, addr, now)
	require.Equal(t, pipeline.Consumed, s.Process(p))
	cookie, ok := OpenChallenge(init, p.Reply)
	require.True(t, ok)
	return withCookie(init, cookie)
}

func TestDialerProvesItsAddress(t *testing.T) {
	s := newStage(t, Config{})
	good := answer(t, s, initPacket(1), addrA, start)
	require.EqualValues(t, 1, s.Sent())

	for _, age := range []pipeline.Time{0, second, 125*second - 1} {
		p := packet(good, addrA, start+age)
		require.Equal(t, pipeline.Accept, s.Process(p), "a retry, %d s later", age/second)
		require.Empty(t, p.Reply)
	}
	require.EqualValues(t, 1, s.Sent())
}

func TestHoardedCookiesExpire(t *testing.T) {
	for _, c := range []struct {
		name string
		addr netip.AddrPort
		seed byte
		age  pipeline.Time
	}{
		{"other address", addrB, 1, 0},
		{"other port", netip.MustParseAddrPort("192.0.2.1:1"), 1, 0},
		{"other message", addrA, 2, 0},
		{"after rotation", addrA, 1, 125 * second},
		{"long after rotation", addrA, 1, 100_000 * second},
	} {
		s := newStage(t, Config{})
		cookie := [wire.CookieSize]byte(wire.InitCookie(answer(t, s, initPacket(1), addrA, start)))
		p := packet(withCookie(initPacket(c.seed), cookie), c.addr, start+c.age)
		require.Equal(t, pipeline.Consumed, s.Process(p), c.name)
		require.Len(t, p.Reply, wire.CookiePacketSize, c.name)
	}
}

// The answer to an unproven address is never larger than the packet that it answers.
func TestNoAmplification(t *testing.T) {
	s := newStage(t, Config{})
	for size := range 2 * wire.InitSize {
		data := make([]byte, size)
		copy(data, initPacket(1))
		p := packet(data, addrA, start)
		s.Process(p)
		require.LessOrEqual(t, len(p.Reply), size)
	}
	require.EqualValues(t, 1, s.Sent(), "only the Init of the right size is answered")
}

// Malformed packets are dropped by the header stage; the cookie stage must not answer
// them.
func TestOtherPacketsPass(t *testing.T) {
	s := newStage(t, Config{})
	for _, typ := range []wire.PacketType{wire.TypeData, wire.TypeResponse, wire.TypeFinal, wire.TypeCookie, 0, 6, 15} {
		b := initPacket(1)
		b[0] = wire.Version<<4 | byte(typ)
		require.Equal(t, pipeline.Accept, s.Process(packet(b, addrA, start)), "type %d", typ)
	}
	flipped := initPacket(1)
	flipEach(flipped[:wire.HeaderSize], func(bit int) {
		p := packet(flipped, addrA, start)
		h, fault := wire.ParseHeader(flipped)
		if fault == wire.FaultNone && h.Type == wire.TypeInit {
			require.Equal(t, pipeline.Consumed, s.Process(p), "bit %d", bit)
			return
		}
		require.Equal(t, pipeline.Accept, s.Process(p), "bit %d", bit)
		require.Empty(t, p.Reply)
	})
	require.Equal(t, pipeline.Accept, s.Process(packet(nil, addrA, start)))
}

func TestReplyBudget(t *testing.T) {
	s := newStage(t, Config{RepliesPerSecond: 100})
	count := func(now pipeline.Time) (sent int) {
		for i := range 500 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9)
			switch v := s.Process(packet(initPacket(1), from, now)); v {
			case pipeline.Consumed:
				sent++
			default:
				require.Contains(t, []pipeline.Verdict{DropReplyBudget, DropReplyShare}, v)
			}
		}
		return sent
	}
	require.Equal(t, 10, count(start), "the burst")
	require.Equal(t, 5, count(start+second/20))
	require.Equal(t, 10, count(start+1000*second), "no more than the burst is saved up")
	require.EqualValues(t, 25, s.Sent())

	cookie, _ := s.jar.Cookie(start+1000*second, addrA, initPacket(1))
	p := packet(withCookie(initPacket(1), cookie), addrA, start+1000*second)
	require.Equal(t, pipeline.Accept, s.Process(p), "a packet with a cookie needs no reply")
}

func TestDefaultReplyBudget(t *testing.T) {
	s := newStage(t, Config{})
	require.Equal(t, 500, flood(s, addrA, 5000, start), "half of the burst, to one address")
	sent := 0
	for i := range 5000 {
		sent += flood(s, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 9), 1, start)
	}
	require.Equal(t, 500, sent, "the other half")
}

// flood processes n packets without a cookie, and returns how many are answered.
func flood(s *Stage, from netip.AddrPort, n int, now pipeline.Time) (answered int) {
	p := packet(initPacket(1), from, now)
	for range n {
		if s.Process(p) == pipeline.Consumed {
			answered++
		}
	}
	return answered
}

// 200,000 packets per second from one address, with and without a wrong cookie, from any
// of its ports, take no challenge from 1,000 new addresses. Alone, they get all
// challenges.
func TestFloodLeavesOthersTheirReplies(t *testing.T) {
	for _, wrong := range [][wire.CookieSize]byte{{}, someCookie} {
		s := newStage(t, Config{Seed: [16]byte{1}})
		p := packet(withCookie(initPacket(1), wrong), addrA, start)
		flooded, refused := 0, 0
		for i := range 200_000 {
			p.Now = start + pipeline.Time(i)*second/200_000
			p.Addr = netip.AddrPortFrom(addrA.Addr(), uint16(i))
			switch v := s.Process(p); v {
			case pipeline.Consumed:
				flooded++
			default:
				require.Equal(t, DropReplyShare, v)
			}
			if i%200 != 0 {
				continue
			}
			newcomer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 200 >> 8), byte(i / 200)}), 9)
			if flood(s, newcomer, 1, p.Now) == 0 {
				refused++
			}
		}
		require.LessOrEqual(t, refused, 3, "one in 4,096 is taken for the flooder")
		require.InDelta(t, 500+10_000-1000, flooded, 20)
	}
}

func TestNoRoomAndNoSecret(t *testing.T) {
	source := &flakyReader{from: strongRand(), broken: true}
	s := newStage(t, Config{Rand: source})
	require.Equal(t, DropNoSecret, s.Process(packet(initPacket(1), addrA, start)))
	source.broken = false

	small := packet(initPacket(1), addrA, start)
	small.Reply = make([]byte, 0, wire.CookiePacketSize-1)
	require.Equal(t, DropNoRoom, s.Process(small))
	require.Empty(t, small.Reply)
	require.Zero(t, s.Sent())

	stale := packet(initPacket(1), addrA, start)
	stale.Reply = append(stale.Reply, "left over"...)
	require.Equal(t, pipeline.Consumed, s.Process(stale))
	_, ok := OpenChallenge(initPacket(1), stale.Reply)
	require.True(t, ok)
}

func TestNewNeedsRand(t *testing.T) {
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrRand)
}

func TestReasonsMatchTheConstants(t *testing.T) {
	names := new(Stage).Reasons()
	for name, v := range map[string]pipeline.Verdict{
		"no_room": DropNoRoom, "reply_budget": DropReplyBudget, "no_secret": DropNoSecret,
		"reply_share": DropReplyShare,
	} {
		require.Equal(t, name, names[v-pipeline.DropFirst])
	}
	require.Len(t, names, 4)
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := newStage(t, Config{})
	first := packet(initPacket(1), addrA, start)
	retry := packet(answer(t, s, initPacket(1), addrA, start), addrA, start)
	data := packet(bytes.Repeat([]byte{wire.Version<<4 | byte(wire.TypeData)}, 100), addrA, start)
	want := [][]byte{bytes.Clone(first.Data), bytes.Clone(retry.Data), bytes.Clone(data.Data)}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, p := range []*pipeline.Packet{first, retry, data} {
			p.Now += second
			s.Process(p)
		}
	}))
	require.Equal(t, want, [][]byte{first.Data, retry.Data, data.Data})
}

// The cost of one packet of a flood: one that is answered, one that is not, and one
// that also carries a wrong cookie.
func BenchmarkUnprovenInit(b *testing.B) {
	for _, c := range []struct {
		name   string
		cookie [wire.CookieSize]byte
		step   pipeline.Time
	}{
		{"answered", [wire.CookieSize]byte{}, second / 1000},
		{"refused", [wire.CookieSize]byte{}, 0},
		{"wrong cookie, refused", someCookie, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			s := newStage(b, Config{})
			p := packet(withCookie(initPacket(1), c.cookie), addrA, start)
			for b.Loop() {
				p.Now += c.step
				s.Process(p)
			}
		})
	}
}

// Wait answers an Init with a challenge without a cookie, within the same budget as
// the challenges that have one, and without allocating.
func TestWait(t *testing.T) {
	s := newStage(t, Config{RepliesPerSecond: 40})
	good := answer(t, s, initPacket(1), addrA, start)
	p := packet(good, addrA, start)
	require.Equal(t, pipeline.Accept, s.Process(p))
	require.True(t, s.Wait(p))
	require.EqualValues(t, 2, s.Sent())
	require.Less(t, len(p.Reply), len(good))
	none, ok := OpenChallenge(good, p.Reply)
	require.True(t, ok)
	require.Zero(t, none)

	p.Reset(good, addrA, start)
	require.False(t, s.Wait(p), "half of the burst remains for other addresses")
	require.Empty(t, p.Reply)
	require.False(t, s.Wait(&pipeline.Packet{Data: good, Addr: addrB, Now: start}), "there is no room for a reply")

	now := start
	require.Zero(t, testing.AllocsPerRun(100, func() {
		now += second
		p.Reset(good, addrA, now)
		s.Wait(p)
	}))
}
