package pmtu

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

const (
	roundTrip = 20 * time.Millisecond
	timeout   = 50 * time.Millisecond
)

// path is a path that carries datagrams of up to mtu bytes, and a sender on it.
type path struct {
	t      testing.TB
	s      Search
	mtu    int
	limit  int
	silent bool            // nothing arrives
	lies   bool            // the peer acknowledges everything
	loss   func() bool     // of each packet, besides; nil for none
	now    pipeline.Time   // virtual
	acks   []pending       // under way
	probes int             // sent
	sizes  map[int]int     // how many of which size
	last   []pipeline.Time // when the latest probes were sent
}

type pending struct {
	at   pipeline.Time
	size int
}

func newPath(t testing.TB, base, limit, mtu int) *path {
	return &path{t: t, s: New(base, base, limit, 0), mtu: mtu, limit: limit, sizes: map[int]int{}}
}

func (p *path) send(size int) {
	lost := p.silent || size > p.mtu || p.loss != nil && p.loss()
	if !lost || p.lies {
		p.acks = append(p.acks, pending{p.now + pipeline.Time(roundTrip), size})
	}
}

// step passes to the next thing that happens, at the latest at end.
func (p *path) step(end pipeline.Time) {
	at := end
	if due, ok := p.s.Due(); ok {
		at = min(at, max(due, p.now))
	}
	if len(p.acks) > 0 {
		at = min(at, p.acks[0].at)
	}
	p.now = at
	for len(p.acks) > 0 && p.acks[0].at <= p.now {
		size := p.acks[0].size
		p.acks = p.acks[1:]
		p.s.Acked(size, p.now)
	}
	if size := p.s.Poll(p.now, timeout); size > 0 {
		p.probes++
		p.sizes[size]++
		p.last = append(p.last, p.now)
		require.LessOrEqual(p.t, size, min(p.limit, Highest))
		p.send(size)
		p.send(41) // the small packet
	}
	p.check()
}

// check checks what holds at any time.
func (p *path) check() {
	limit := min(p.limit, Highest)
	require.LessOrEqual(p.t, p.s.Size(), limit)
	require.GreaterOrEqual(p.t, p.s.Size(), min(Floor, limit))
	if n := len(p.last); n > 40 {
		// An acknowledged probe is followed by the next at once, so a few come in a row.
		require.Greater(p.t, p.last[n-1]-p.last[n-41], pipeline.Time(roundTrip), "probes come too fast")
	}
}

func (p *path) run(d time.Duration) {
	for end := p.now + pipeline.Time(d); p.now < end; {
		p.step(end)
	}
}

// data sends packets of the size in use, and tells the search what is lost.
func (p *path) data(n int) {
	for range n {
		size := p.s.Size()
		if size <= p.mtu {
			p.s.Acked(size, p.now)
		} else {
			p.s.Lost(1, size, p.now)
		}
		p.run(10 * time.Millisecond)
	}
}

func TestBase(t *testing.T) {
	for addr, want := range map[string]int{
		"192.0.2.1": BaseIPv4, "::ffff:192.0.2.1": BaseIPv4, "2001:db8::1": BaseIPv6, "fe80::1%eth0": BaseIPv6,
	} {
		require.Equal(t, want, Base(netip.MustParseAddr(addr)), addr)
	}
}

// The search ends at a plateau below the MTU, or close to it, with few probes.
func TestSearchFindsTheMTU(t *testing.T) {
	for _, base := range []int{BaseIPv4, BaseIPv6} {
		for mtu := base; mtu < 9100; mtu += 7 {
			p := newPath(t, base, Highest, mtu)
			p.run(10 * time.Second)
			require.True(t, p.s.Complete(), "MTU %d", mtu)
			require.LessOrEqual(t, p.s.Size(), mtu)
			require.LessOrEqual(t, p.probes, 28, "MTU %d", mtu)
			if mtu < ethernetIPv6 {
				require.Greater(t, p.s.Size(), mtu-resolution-1, "MTU %d", mtu)
			}
			for _, plateau := range plateaus {
				require.False(t, plateau <= mtu && plateau > p.s.Size()+resolution, "MTU %d: %d is in use, %d fits", mtu, p.s.Size(), plateau)
			}
		}
	}
}

// On the paths that are most common the first probes find the size.
func TestSearchOfCommonPaths(t *testing.T) {
	for _, tt := range []struct{ base, limit, mtu, size, probes int }{
		{BaseIPv4, Highest, 1472, 1472, 10}, // three for each of three jumbo sizes
		{BaseIPv6, Highest, 1452, 1452, 19},
		{BaseIPv4, Highest, 65_507, Highest, 2}, // loopback
		{BaseIPv4, BaseIPv4, 1472, BaseIPv4, 0},
		{BaseIPv4, 1232, 1472, 1232, 1},
		{BaseIPv4, 300, 1472, 300, 0},
	} {
		p := newPath(t, tt.base, tt.limit, tt.mtu)
		p.run(10 * time.Second)
		require.Equal(t, tt.size, p.s.Size())
		require.LessOrEqual(t, p.probes, tt.probes)
	}
}

// A black hole is found within a second of data, at whatever size; then the search
// goes up again as far as it can. Nothing is given up while nothing at all arrives.
func TestBlackHole(t *testing.T) {
	for _, mtu := range []int{Floor, 600, 1000, BaseIPv4, 1300, 1372, 1400} {
		p := newPath(t, BaseIPv4, Highest, 1472)
		p.run(10 * time.Second)
		require.Equal(t, 1472, p.s.Size())
		p.mtu, p.silent = mtu, true
		p.s.Lost(3, 1472, p.now)
		p.run(time.Minute)
		require.Equal(t, 1472, p.s.Size(), "a path that is silent proves nothing")
		p.silent = false
		p.run(10 * time.Second)
		require.LessOrEqual(t, p.s.Size(), mtu)
		require.Greater(t, p.s.Size(), mtu-resolution-1, "MTU %d", mtu)
		require.True(t, p.s.Complete())
	}
}

// The loss of single large packets, of small packets and of probes raises no
// suspicion, and a suspicion alone changes nothing.
func TestLossAloneChangesNothing(t *testing.T) {
	p := newPath(t, BaseIPv4, Highest, 1472)
	p.run(10 * time.Second)
	probes := p.probes
	for range 100 {
		p.s.Lost(1, 1472, p.now)
		p.s.Lost(1, 1300, p.now)
		p.s.Acked(1300, p.now)
		p.s.Lost(9, Floor, p.now)
	}
	p.run(time.Second)
	require.Equal(t, probes, p.probes)
	for range 100 {
		p.s.Lost(3, 1472, p.now)
		p.run(time.Second)
		p.s.Suspect(p.now)
		p.s.TooLarge(1472, p.now)
		p.run(time.Second)
		require.Equal(t, 1472, p.s.Size())
	}
	require.Greater(t, p.probes, probes)
}

// A local error ends a probe early, and no more than that: the size in use is tested.
func TestTooLarge(t *testing.T) {
	p := newPath(t, BaseIPv4, Highest, 1472)
	for range 200 {
		if p.s.probe > p.mtu {
			p.s.TooLarge(p.s.probe, p.now)
		}
		p.step(p.now + pipeline.Time(time.Second))
	}
	require.Equal(t, 1472, p.s.Size())
	require.Equal(t, 1, p.sizes[Highest])

	// Errors without a reason keep the size from rising while they last. They do not
	// lower it.
	p = newPath(t, BaseIPv4, Highest, 1472)
	for range 200 {
		p.s.TooLarge(p.s.probe, p.now)
		p.s.TooLarge(p.s.Size(), p.now)
		p.step(p.now + pipeline.Time(time.Second))
	}
	require.GreaterOrEqual(t, p.s.Size(), BaseIPv4)
}

// A peer that acknowledges probes that it has not received harms itself alone, and
// only until it is honest again.
func TestLyingPeer(t *testing.T) {
	p := newPath(t, BaseIPv4, Highest, 1472)
	p.lies = true
	p.run(time.Second)
	require.Equal(t, Highest, p.s.Size())
	p.lies = false
	p.data(200)
	require.Equal(t, 1472, p.s.Size())
}

// At 20 % random loss in each direction a suspicion is decided for the size in use
// nearly always.
func TestRandomLoss(t *testing.T) {
	fell := 0
	for i := range 2000 {
		x := uint32(i)*2_654_435_761 + 1
		p := newPath(t, BaseIPv4, 1472, 1472)
		p.run(10 * time.Second)
		p.loss = func() bool {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			return x%100 < 36 // of a packet or of its acknowledgement
		}
		p.s.Suspect(p.now)
		for end := p.now + pipeline.Time(5*time.Second); p.now < end && p.s.Size() == 1472; {
			p.step(end)
		}
		if p.s.Size() < 1472 {
			fell++
		}
	}
	require.Less(t, fell, 20, "of 2,000")
}

// FuzzSearch: an attacker on the path drops, delays and reorders packets by size, and
// the local system reports errors at random (MITM). Sizes stay in their bounds, probes
// are paced, and once the path is honest the search ends below its MTU.
func FuzzSearch(f *testing.F) {
	f.Add(uint16(1472), uint16(8972), []byte{1, 2, 3, 4, 5, 6, 7, 0x80, 0x81, 0xff})
	f.Add(uint16(600), uint16(1232), []byte("abcdefghijklmnopqrstuvwxyz"))
	f.Add(uint16(9000), uint16(256), []byte{})
	f.Fuzz(func(t *testing.T, mtu, limit uint16, ops []byte) {
		p := newPath(t, BaseIPv4, max(int(limit), 256), max(int(mtu), Floor))
		for _, op := range ops[:min(len(ops), 400)] {
			arg := int(op >> 3)
			switch op & 7 {
			case 0:
				p.silent = !p.silent
			case 1:
				p.mtu = Floor + arg*300
			case 2:
				p.s.Lost(1+arg%4, p.s.Size()-arg, p.now)
			case 3:
				p.s.TooLarge(p.s.Size()+arg-16, p.now)
			case 4:
				p.s.TooLarge(p.s.probe, p.now)
			case 5:
				p.s.Acked(arg*300, p.now)
			case 6:
				p.s.Suspect(p.now)
			case 7:
				p.run(time.Duration(arg) * timeout)
			}
			p.check()
		}
		p.silent, p.mtu = false, max(int(mtu), Floor)
		p.data(200)
		p.run(time.Minute)
		require.True(t, p.s.Complete())
		require.LessOrEqual(t, p.s.Size(), max(p.mtu, Floor))
	})
}
