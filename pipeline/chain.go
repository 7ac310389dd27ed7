package pipeline

// Chain is what an [Inbound] and an [Outbound] chain have in common: counters,
// notices to the stages, and hooks for drops and panics.
//
// Counts and ReadCounts may be called from any goroutine, all other methods only
// from the goroutine that the chain belongs to.
type Chain interface {
	// Stages returns the stages in order. The slice is the caller's.
	Stages() []Stage
	// Names returns the names of the stages in order. The slice is the caller's.
	Names() []string
	// DropLabels returns the names of the rows of Counts().Drops. The slice is
	// the caller's.
	DropLabels() []DropCount

	// OnPanic sets f to be called for each panic in a stage, after the chain has
	// recovered from it and counted it. Call it before the first packet.
	OnPanic(f func(stage string, value any))
	// OnDrop sets f to be called for each drop, with the row in Counts().Drops. f
	// must not block or allocate. Call it before the first packet.
	OnDrop(f func(p *Packet, row int))

	// OpenPeer notifies the stages that a peer has become known, ClosePeer that it
	// was forgotten.
	OpenPeer(n PeerNotice)
	ClosePeer(n PeerNotice)
	// OpenSession notifies the stages that a session has opened, CloseSession that
	// it has closed.
	OpenSession(n SessionNotice)
	CloseSession(n SessionNotice)
	// OpenEpoch notifies the stages that an epoch has opened, CloseEpoch that it
	// has closed.
	OpenEpoch(n EpochNotice)
	CloseEpoch(n EpochNotice)

	// Warm fetches the state of an epoch into the processor's caches; see
	// [Warmer].
	Warm(session, epoch ID, counter uint64) uint64

	// Publish makes the counters visible to Counts. The loop calls it once a
	// batch.
	Publish()
	// Counts returns the counters as of one Publish, usually the last. It may be
	// called from any goroutine.
	Counts() Counts
	// ReadCounts is like Counts, but reuses into, which is zero or was filled by the
	// same chain before.
	ReadCounts(into *Counts)

	// Current returns the name of the stage that was called last, or is about
	// to be.
	Current() string
	// LastDrop returns the stage and the reason of the latest drop, for tests
	// and traces. It is empty before the first.
	LastDrop() (stage, reason string)
}

var (
	_ Chain = (*Inbound)(nil)
	_ Chain = (*Outbound)(nil)
)

// chain is the common part of both directions.
type chain struct {
	stages []Stage
	names  []string

	settlers []observer[Settler]
	peers    []observer[PeerObserver]
	sessions []observer[SessionObserver]
	epochs   []observer[EpochObserver]
	warmers  []observer[Warmer]

	counters *counters
	faults   faults
	lastDrop int // the row of the last drop, -1 before the first

	// The progress of the current packet, for recovery.
	at      int // the stage that is running
	verdict Verdict
	told    int // settlers that have been called

	onPanic func(stage string, value any)
	onDrop  func(p *Packet, row int)
}

func (c *chain) init(members []member, out bool) {
	c.counters, c.lastDrop = newCounters(members, out), -1
	c.faults.init(len(members))
	for i, m := range members {
		c.stages, c.names = append(c.stages, m.stage), append(c.names, m.name)
		add(&c.settlers, m.stage, i)
		add(&c.peers, m.stage, i)
		add(&c.sessions, m.stage, i)
		add(&c.epochs, m.stage, i)
		add(&c.warmers, m.stage, i)
	}
}

// add appends s, which is at position at, if it implements T.
func add[T any](all *[]observer[T], s Stage, at int) {
	if v, ok := s.(T); ok {
		*all = append(*all, observer[T]{v, at})
	}
}

// Stages returns the stages in order. The slice is the caller's.
func (c *chain) Stages() []Stage { return append([]Stage(nil), c.stages...) }

// Names returns the names of the stages in order. The slice is the caller's.
func (c *chain) Names() []string { return append([]string(nil), c.names...) }

// OnPanic sets f to be called for each panic in a stage, after the chain has
// recovered from it and counted it. Call it before the first packet.
func (c *chain) OnPanic(f func(stage string, value any)) { c.onPanic = f }

// OnDrop sets f to be called for each drop, with the row in Counts().Drops. f
// must not block or allocate. Call it before the first packet.
func (c *chain) OnDrop(f func(p *Packet, row int)) { c.onDrop = f }

// Current returns the name of the stage that was called last or is about to be
// called, empty after the last stage. It is for tools that find the stage that does
// not return.
func (c *chain) Current() string {
	if c.at < 0 || c.at >= len(c.names) {
		return ""
	}
	return c.names[c.at]
}

// settle calls the settlers that have not been called. A panic in one loses nothing:
// the packet's outcome is already counted, and the others are still called.
func (c *chain) settle(p *Packet) {
	for ; c.told < len(c.settlers); c.told++ {
		c.at = c.settlers[c.told].at
		c.settlers[c.told].to.Settle(p, c.verdict)
	}
}

// settlePanicked counts a panic in the settler that was being called.
func (c *chain) settlePanicked(value any) {
	c.told++
	c.faulted(c.at, methodSettle, value)
}
