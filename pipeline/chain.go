package pipeline

// Chain is what an [Inbound] and an [Outbound] chain have in common: their
// counters, the notices to their stages, and what is told of drops and panics.
//
// All methods but Counts and ReadCounts belong to the goroutine of the chain.
type Chain interface {
	// Stages returns the stages in order. The slice is the caller's.
	Stages() []Stage
	// Names returns the names of the stages in order. The slice is the caller's.
	Names() []string
	// DropLabels returns the names of the rows of Counts().Drops. The slice is
	// the caller's.
	DropLabels() []DropCount

	// OnPanic has f told of each panic in a stage, which the chain has
	// recovered from. It is called before the first packet, if at all.
	OnPanic(f func(stage string, value any))
	// OnDrop has f told of each drop, with the row in Counts().Drops. It is
	// called before the first packet, if at all; f must not block or allocate.
	OnDrop(f func(p *Packet, row int))

	// OpenPeer tells the stages that a peer has become known, and ClosePeer
	// that it has been forgotten.
	OpenPeer(n PeerNotice)
	ClosePeer(n PeerNotice)
	// OpenSession tells the stages that a session has opened, and CloseSession
	// that it has closed.
	OpenSession(n SessionNotice)
	CloseSession(n SessionNotice)
	// OpenEpoch tells the stages that an epoch has opened, and CloseEpoch that
	// it has closed.
	OpenEpoch(n EpochNotice)
	CloseEpoch(n EpochNotice)

	// Publish makes the counters visible to Counts. The loop calls it once a
	// batch.
	Publish()
	// Counts returns the counters as of the last Publish. It may be called from
	// any goroutine; while packets flow, the rows may be of slightly different
	// moments.
	Counts() Counts
	// ReadCounts is Counts into what it has returned before for the same chain,
	// or into a zero one: it does not allocate again.
	ReadCounts(into *Counts)

	// Current returns the stage that was called last, or is about to be; nil
	// behind the last stage. It is for tools that find out which one does not
	// return.
	Current() Stage
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

	settlers []settler
	peers    []PeerObserver
	sessions []SessionObserver
	epochs   []EpochObserver

	counters *counters
	lastDrop int // the row of the last drop, -1 before the first

	// Where the packet in hand is, for recovery.
	at      int // the stage that is running
	verdict Verdict
	told    int // settlers that have heard of it

	onPanic func(stage string, value any)
	onDrop  func(p *Packet, row int)
}

// settler is a stage that hears how packets ended, with its position.
type settler struct {
	Settler
	at int
}

func (c *chain) init(stages []Stage) {
	c.stages, c.counters, c.lastDrop = stages, newCounters(stages), -1
	for i, s := range stages {
		c.names = append(c.names, s.Name())
		if v, ok := s.(Settler); ok {
			c.settlers = append(c.settlers, settler{v, i})
		}
		if v, ok := s.(PeerObserver); ok {
			c.peers = append(c.peers, v)
		}
		if v, ok := s.(SessionObserver); ok {
			c.sessions = append(c.sessions, v)
		}
		if v, ok := s.(EpochObserver); ok {
			c.epochs = append(c.epochs, v)
		}
	}
}

func (c *chain) Stages() []Stage { return append([]Stage(nil), c.stages...) }

func (c *chain) Names() []string { return append([]string(nil), c.names...) }

func (c *chain) OnPanic(f func(stage string, value any)) { c.onPanic = f }

func (c *chain) OnDrop(f func(p *Packet, row int)) { c.onDrop = f }

func (c *chain) Current() Stage {
	if c.at < 0 || c.at >= len(c.stages) {
		return nil
	}
	return c.stages[c.at]
}

// walk takes p through the stages from first to before last until one does not
// accept, and leaves in at which one that was.
func (c *chain) walk(p *Packet, first, last int) Verdict {
	for c.at = first; c.at < last; c.at++ {
		if v := c.stages[c.at].Process(p); v != Accept {
			return v
		}
	}
	return Accept
}

// settle tells those who asked. A panic in one is reported but costs nothing:
// the packet's outcome has been counted, and the others are told all the same.
func (c *chain) settle(p *Packet) {
	for ; c.told < len(c.settlers); c.told++ {
		c.at = c.settlers[c.told].at
		c.settlers[c.told].Settle(p, c.verdict)
	}
}

// panicked counts what a panic has cost.
func (c *chain) panicked(p *Packet, value any, level int) {
	row := c.counters.panicIndex(c.at)
	c.counters.drop(row, level)
	c.dropped(p, row)
	c.report(value)
}

func (c *chain) report(value any) {
	if c.onPanic != nil {
		c.onPanic(c.stages[c.at].Name(), value)
	}
}
