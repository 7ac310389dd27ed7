package sim

// LinkStats counts the datagrams of a link, and their bytes. At any time
//
//	Sent + Duplicated = Unreachable + Cut + TooLarge + Lost + Overflowed + Arrived + Missed + InFlight
type LinkStats struct {
	Sent, SentBytes uint64 // given to the link
	Duplicated      uint64 // copies made by the link

	Unreachable uint64 // the sender has no address of the destination's family
	Cut         uint64 // by Link.Cut or a partition
	TooLarge    uint64 // for Link.MTU or Link.LocalMTU
	Lost        uint64 // by Loss or Burst
	Overflowed  uint64 // did not fit in the queue
	Arrived     uint64 // received by a node
	Missed      uint64 // arrived at an address where no node is running
	InFlight    uint64

	Reordered, Corrupted, Truncated uint64
}

func (s *LinkStats) add(o LinkStats) {
	s.Sent += o.Sent
	s.SentBytes += o.SentBytes
	s.Duplicated += o.Duplicated
	s.Unreachable += o.Unreachable
	s.Cut += o.Cut
	s.TooLarge += o.TooLarge
	s.Lost += o.Lost
	s.Overflowed += o.Overflowed
	s.Arrived += o.Arrived
	s.Missed += o.Missed
	s.InFlight += o.InFlight
	s.Reordered += o.Reordered
	s.Corrupted += o.Corrupted
	s.Truncated += o.Truncated
}

// LinkStats returns the counters of the link from one node to another; to may be
// nil, as in SetLink.
func (w *World) LinkStats(from, to *Node) LinkStats {
	w.checked()
	w.needEnds(from, to, "LinkStats")
	if r := w.byEnds[ends{from, to}]; r != nil {
		return r.stats
	}
	return LinkStats{}
}

// Totals holds the counters of the whole network.
type Totals struct {
	Links    LinkStats // the sum over all links
	Injected LinkStats // datagrams of Inject
	TapDrops uint64    // datagrams dropped by taps
}

// Totals returns the counters of the whole network.
func (w *World) Totals() Totals {
	w.checked()
	t := Totals{Injected: w.injected.stats, TapDrops: w.tapDrops}
	for _, r := range w.routes {
		t.Links.add(r.stats)
	}
	return t
}
