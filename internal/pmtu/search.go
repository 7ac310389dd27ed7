// Package pmtu searches for the largest datagram that a path carries: datagram packet
// layer path MTU discovery (RFC 8899), without I/O. Sizes are bytes of UDP payload.
package pmtu

import (
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/pipeline"
)

// Sizes of RFC 8899 section 5.1.2, less the IP and UDP headers.
const (
	// Floor is used when even the base size is lost: IPv4's 576 less 28 bytes.
	Floor = 548
	// BaseIPv4 is BASE_PLPMTU, 1,200 bytes, less 28.
	BaseIPv4 = 1172
	// BaseIPv6 is IPv6's least MTU, 1,280 bytes (RFC 8200 section 5), less 48.
	BaseIPv6 = 1232
	// Highest is the most that is searched for: a jumbo frame's 9,000 bytes
	// less 28.
	Highest = 8972
)

const (
	// maxProbes is MAX_PROBES of RFC 8899 section 5.1.2: that many probes of one
	// size are lost before it counts as too large.
	maxProbes = 3
	// RaiseAfter is PMTU_RAISE_TIMER of RFC 8899 section 5.1.1: the time from the
	// end of a search to the next one.
	RaiseAfter = 600 * time.Second
)

// What we chose.
const (
	// suspicious packets lost in a row, with none of their size acknowledged,
	// raise the suspicion of a black hole.
	suspicious = 3
	// maxTests probes of the size in use are lost, each while a small packet
	// arrives, before the suspicion counts as proved. At 20 % random loss that
	// happens once in 3,000 suspicions.
	maxTests = 5
	// resolution is when a search ends: this close to a size that was lost.
	resolution = 16
	// maxWait bounds the time between probes on a path that is silent.
	maxWait = time.Second
)

// plateaus are the payload sizes of common links, to be tried before a search
// by bisection: IPv6's least MTU, tunnels, PPPoE, Ethernet over either family,
// and jumbo frames.
var plateaus = [...]int{1232, 1372, 1392, 1432, 1444, 1452, 1464, 1472, 4052, 8152, 8952, Highest}

// ethernet are the payload sizes of Ethernet frames over IPv6 and IPv4, which
// most paths have.
const (
	ethernetIPv6 = 1452
	ethernetIPv4 = 1472
)

type state uint8

const (
	searching  state = iota // for a larger size
	complete                // nothing to do
	doubting                // whether the size in use has stopped arriving
	confirming              // that the size arrives to which the search has fallen back
)

// Search is the search on one path. Make one with New.
type Search struct {
	size  int // in use
	base  int
	limit int
	bad   int // the smallest size above size that is believed to be lost; limit+1 if none is

	state  state
	probe  int  // size of the latest probe of a search; zero without one
	sent   bool // a round is under way
	small  bool // a smaller packet was acknowledged in it
	failed int  // rounds in which only the small packet was acknowledged
	wait   time.Duration
	due    pipeline.Time

	lostRun int // packets lost since one of at least lostMin bytes was acknowledged
	lostMin int // the smallest of them
}

// Base returns the size that a path to addr is expected to carry.
func Base(addr netip.Addr) int {
	if addr.Is4() || addr.Is4In6() {
		return BaseIPv4
	}
	return BaseIPv6
}

// New returns a search upwards from size, which is in use. base is that of [Base]; no
// datagram of more than limit bytes is sent. The first probe is due at once.
func New(size, base, limit int, now pipeline.Time) Search {
	limit = min(limit, Highest)
	return Search{size: min(size, limit), base: min(base, limit), limit: limit, bad: limit + 1, due: now}
}

// Size returns the size of the largest datagram to send, probes excepted.
func (s *Search) Size() int { return s.size }

// Complete reports whether the search is over: Poll need not be called, and until a
// packet is lost the state holds nothing but Size.
func (s *Search) Complete() bool { return s.state == complete && s.lostRun == 0 }

// Due returns when Poll is to be called; false if it need not be.
func (s *Search) Due() (at pipeline.Time, ok bool) { return s.due, s.state != complete }

// Poll returns the size of a probe that is to be sent now, zero for none. A small
// packet that is acknowledged at once goes with it: only if that arrives does the
// loss of the probe mean anything. rto is how long an acknowledgement may take.
func (s *Search) Poll(now pipeline.Time, rto time.Duration) (probe int) {
	if s.state == complete || now < s.due {
		return 0
	}
	switch {
	case !s.sent:
	case s.small:
		s.failed, s.wait = s.failed+1, 0
	default:
		s.wait = min(2*max(s.wait, rto), maxWait) // the path is silent
	}
	if s.failed >= s.tests() {
		s.fail()
	}
	if s.state == searching && s.probe == 0 {
		if s.probe = s.next(); s.probe == 0 {
			s.state = complete
			return 0
		}
	}
	s.sent, s.small = true, false
	s.due = now + pipeline.Time(max(rto, s.wait))
	if s.state == searching {
		return s.probe
	}
	return s.size
}

// tests returns how many rounds fail before the size under test counts as too large.
func (s *Search) tests() int {
	if s.state == doubting {
		return maxTests
	}
	return maxProbes
}

// fail acts on the size under test, which is too large.
func (s *Search) fail() {
	if s.state == searching {
		s.bad = s.probe
		s.reset(searching)
		return
	}
	s.bad, s.size = s.size, s.fallback()
	if s.size > Floor {
		s.reset(confirming)
		return
	}
	s.reset(searching) // there is nothing below, so nothing to confirm
}

// next returns the next size to try, zero if the search is over.
func (s *Search) next() int {
	ethernet := ethernetIPv4
	if s.base == BaseIPv6 {
		ethernet = ethernetIPv6
	}
	if s.bad > s.limit {
		// Nothing has failed yet. Ethernet is likely, then whatever is allowed.
		if s.size < ethernet && ethernet < s.limit {
			return ethernet
		}
		if s.size < s.limit {
			return s.limit
		}
		return 0
	}
	if s.bad-s.size <= resolution {
		return 0
	}
	first, _ := slices.BinarySearch(plateaus[:], s.size+1)
	last, _ := slices.BinarySearch(plateaus[:], s.bad)
	if between := plateaus[first:last]; len(between) > 0 {
		return between[len(between)/2]
	}
	if s.size >= ethernet {
		return 0 // links between Ethernet and jumbo frames are rare: the probes would be wasted
	}
	return (s.size + s.bad) / 2
}

// fallback is the size to use if the present one does not arrive.
func (s *Search) fallback() int {
	if s.size > s.base {
		return s.base
	}
	return min(Floor, s.size)
}

func (s *Search) reset(next state) {
	s.state, s.probe, s.sent, s.failed, s.small, s.wait = next, 0, false, 0, false, 0
	s.lostRun, s.lostMin = 0, 0
}

// Acked reports that a packet of size bytes, probe or not, was acknowledged.
func (s *Search) Acked(size int, now pipeline.Time) {
	if size >= s.bad {
		s.bad = s.limit + 1 // the path has changed
	}
	if s.lostRun > 0 && size >= s.lostMin {
		s.lostRun = 0
	}
	switch {
	case s.state == searching && s.probe != 0 && size >= s.probe:
		s.size = min(size, s.limit)
		s.reset(searching)
		s.due = now
	case (s.state == confirming || s.state == doubting) && size >= s.size:
		s.reset(searching)
		s.due = now
	case s.state == searching && size < s.probe, size <= s.fallback():
		s.small = true
	}
}

// Lost reports that n packets that were not probes, and that should have been
// acknowledged, were lost. The smallest had size bytes.
func (s *Search) Lost(n, size int, now pipeline.Time) {
	if n == 0 || size <= Floor || size > s.size {
		return
	}
	if s.lostRun == 0 || size < s.lostMin {
		s.lostMin = size
	}
	s.lostRun += n
	if s.lostRun >= suspicious {
		s.Suspect(now)
	}
}

// TooLarge reports that the local system refused a datagram of size bytes as
// larger than its interface carries. That is a hint: it ends a probe, and raises
// the suspicion about a size in use.
func (s *Search) TooLarge(size int, now pipeline.Time) {
	switch {
	case s.state == searching && size == s.probe:
		s.failed = maxProbes
		s.due = now
	case size <= s.size:
		s.Suspect(now)
	}
}

// Rest ends the search.
func (s *Search) Rest() { s.reset(complete) }

// Raise begins a new search upwards if the last one is complete.
func (s *Search) Raise(now pipeline.Time) {
	if s.state == complete && s.size < s.limit {
		s.reset(searching)
		s.bad, s.due = s.limit+1, now
	}
}

// Suspect starts to test whether the size in use still arrives. The caller suspects
// that it does not, as when nothing large is acknowledged any more.
func (s *Search) Suspect(now pipeline.Time) {
	if s.state == doubting || s.state == confirming || s.size <= Floor {
		s.lostRun = 0
		return
	}
	s.reset(doubting)
	s.due = now
}
