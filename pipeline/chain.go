package pipeline

// Chain is an immutable sequence of stages with its counters. Make one with a
// [Builder]. All methods but Counts belong to one goroutine.
type Chain struct {
	stages []Stage
	// joint is the position of the splitter or packer, or len(stages).
	joint    int
	splitter Splitter
	packer   Packer
	growth   int

	settlers []settler
	peers    []PeerObserver
	sessions []SessionObserver
	epochs   []EpochObserver

	counters *counters
	lastDrop int // the row of the last drop, -1 before the first

	// Where the packet in hand is, for recovery.
	at      int // the stage that is running
	part    part
	verdict Verdict // the packet's, once it has one
	told    int     // settlers that have heard of it

	// OnPanic, if set before the first packet, is told of a panic in a stage,
	// which the chain has turned into a drop.
	OnPanic func(stage string, value any)
	// OnDrop, if set before the first packet, is told of each drop: the row
	// in Counts().Drops. It must not block or allocate.
	OnDrop func(p *Packet, row int)
}

// settler is a stage that hears how packets ended, with its position.
type settler struct {
	Settler
	at int
}

func newChain(stages []Stage, out bool) *Chain {
	c := &Chain{stages: stages, joint: len(stages), counters: newCounters(stages), lastDrop: -1}
	for i, s := range stages {
		if sp, ok := s.(Splitter); ok && !out {
			c.joint, c.splitter = i, sp
		}
		if pk, ok := s.(Packer); ok && out {
			c.joint, c.packer = i, pk
		}
		if g, ok := s.(Grower); ok && out {
			c.growth += g.MaxGrowth()
		}
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
	return c
}

// Process runs one received packet through an inbound chain, to completion:
// the packet stages, then the message stages once for each message. The
// verdict is the packet's own; its messages are in the counters.
func (c *Chain) Process(p *Packet) Verdict {
	c.counters.tally[tallyPackets+tallyIn]++
	c.part, c.verdict, c.told = partPacket, Drop, 0
	for !c.proceed(p) {
	}
	return c.verdict
}

// part is how far Process has come with a packet.
type part uint8

const (
	partPacket   part = iota // in the packet stages
	partSplit                // asking the splitter for the next message
	partMessage              // in the message stages
	partSettling             // telling how it ended
)

// proceed takes p on from where a panic has left it, and returns false if there
// was another one: to recover once a packet, and not once a stage or a message,
// is half of what the chain itself costs.
func (c *Chain) proceed(p *Packet) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			c.resume(p, r)
		}
	}()
	if c.part == partPacket {
		v := c.walk(p, 0, min(c.joint+1, len(c.stages)))
		c.finish(p, v, tallyPackets)
		c.verdict, c.part = v, partSettling
		if v == Accept && c.splitter != nil {
			c.part = partSplit
		}
	}
	if c.part == partSplit {
		c.messages(p)
	}
	c.settle(p)
	return true
}

// resume counts what a panic has cost, and says where to go on.
func (c *Chain) resume(p *Packet, value any) {
	switch c.part {
	case partPacket:
		c.part = partSettling
		c.panicked(p, value, tallyPackets)
	case partSplit:
		// The splitter cannot be asked again: the rest of the packet is lost,
		// which its sender sees as a packet that was not received.
		c.part = partSettling
		p.LeaveUnacknowledged()
		c.counters.tally[tallyMessages+tallyIn]++
		c.panicked(p, value, tallyMessages)
	case partMessage:
		c.part = partSplit
		c.counters.tally[tallyMessages+tallyIn]++
		c.panicked(p, value, tallyMessages)
	case partSettling:
		c.told++
		c.report(value)
	}
}

// messages runs those messages of p that are left.
func (c *Chain) messages(p *Packet) {
	for {
		c.at, c.part = c.joint, partSplit
		v, ok := c.splitter.Next(p)
		if !ok {
			break
		}
		c.part = partMessage
		if v == Accept {
			v = c.walk(p, c.joint+1, len(c.stages))
		}
		c.counters.tally[tallyMessages+tallyIn]++
		c.finish(p, v, tallyMessages)
	}
	c.part = partSettling
}

// settle tells those who asked. A panic in one is reported but costs nothing:
// the packet's outcome has been counted, and the others are told all the same.
func (c *Chain) settle(p *Packet) {
	for ; c.told < len(c.settlers); c.told++ {
		c.at = c.settlers[c.told].at
		c.settlers[c.told].Settle(p, c.verdict)
	}
}

// ProcessMessage runs one message through the message stages of an outbound
// chain, up to but without the packer.
func (c *Chain) ProcessMessage(p *Packet) Verdict {
	c.counters.tally[tallyMessages+tallyIn]++
	return c.run(p, 0, c.joint, tallyMessages)
}

// Current returns the stage that was called last, or is about to be; nil behind the
// last stage. It is for tools that find out which one does not return.
func (c *Chain) Current() Stage {
	if c.at < 0 || c.at >= len(c.stages) {
		return nil
	}
	return c.stages[c.at]
}

// HasMessageStages reports whether ProcessMessage of an outbound chain has
// anything to do.
func (c *Chain) HasMessageStages() bool { return c.joint > 0 }

// CountMessage counts one message as accepted by an outbound chain that has no
// message stages, in place of ProcessMessage.
func (c *Chain) CountMessage() {
	c.counters.tally[tallyMessages+tallyIn]++
	c.counters.tally[tallyMessages+tallyAccepted]++
}

// PackedSize returns how many bytes the message in hand takes in a packet.
func (c *Chain) PackedSize(p *Packet) int { return c.packer.Size(p) }

// Pack appends the message in hand to p.Data. The caller has checked that
// PackedSize fits.
func (c *Chain) Pack(p *Packet) { c.packer.Process(p) }

// ProcessPacket runs a packet through the stages behind the packer of an
// outbound chain.
func (c *Chain) ProcessPacket(p *Packet) Verdict {
	c.counters.tally[tallyPackets+tallyIn]++
	v := c.run(p, min(c.joint+1, len(c.stages)), len(c.stages), tallyPackets)
	if len(c.settlers) > 0 {
		c.part, c.verdict, c.told = partSettling, v, 0
		for !c.proceed(p) {
		}
	}
	return v
}

// MaxGrowth returns by how many bytes the message stages of an outbound chain
// may lengthen a message, all together.
func (c *Chain) MaxGrowth() int { return c.growth }

// run takes p through the stages from first to before last and counts the
// outcome at its level.
func (c *Chain) run(p *Packet, first, last, level int) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(p, r, level)
			v = Drop
		}
	}()
	v = c.walk(p, first, last)
	c.finish(p, v, level)
	return v
}

// walk takes p through the stages until one does not accept, and leaves in at
// which one that was.
func (c *Chain) walk(p *Packet, first, last int) Verdict {
	for c.at = first; c.at < last; c.at++ {
		if v := c.stages[c.at].Process(p); v != Accept {
			return v
		}
	}
	return Accept
}

// finish counts the verdict of the stage at which p has ended.
func (c *Chain) finish(p *Packet, v Verdict, level int) {
	switch v {
	case Accept:
		c.counters.tally[level+tallyAccepted]++
	case Consumed:
		c.counters.tally[level+tallyConsumed]++
	default:
		row := c.counters.index(c.at, v)
		c.counters.drop(row, level)
		c.dropped(p, row)
	}
}

func (c *Chain) dropped(p *Packet, row int) {
	c.lastDrop = row
	if c.OnDrop != nil {
		c.OnDrop(p, row)
	}
}

// panicked counts what a panic has cost.
func (c *Chain) panicked(p *Packet, value any, level int) {
	row := c.counters.panicIndex(c.at)
	c.counters.drop(row, level)
	c.dropped(p, row)
	c.report(value)
}

func (c *Chain) report(value any) {
	if c.OnPanic != nil {
		c.OnPanic(c.stages[c.at].Name(), value)
	}
}

// CountMessageDrop counts a message that a stage had held back and now gives
// up, as when its session closes: one in, one dropped with the stage's verdict
// v. It keeps the law of conservation for stages that hold messages.
func (c *Chain) CountMessageDrop(stage string, v Verdict, n int) {
	for i, s := range c.stages {
		if s.Name() == stage {
			for range n {
				c.counters.tally[tallyMessages+tallyIn]++
				c.counters.drop(c.counters.index(i, v), tallyMessages)
			}
		}
	}
}

// Stages returns the stages in order. The slice is the caller's.
func (c *Chain) Stages() []Stage { return append([]Stage(nil), c.stages...) }

// DropLabels returns the names of the rows of Counts().Drops.
func (c *Chain) DropLabels() []DropCount { return append([]DropCount(nil), c.counters.labels...) }

// LastDrop returns the stage and the reason of the latest drop, for tests and
// traces. It is empty before the first.
func (c *Chain) LastDrop() (stage, reason string) {
	if c.lastDrop < 0 {
		return "", ""
	}
	l := c.counters.labels[c.lastDrop]
	return l.Stage, l.Reason
}

// LastVerdict returns the verdict of the latest packet that an inbound chain was
// given.
func (c *Chain) LastVerdict() Verdict { return c.verdict }

// Publish makes the counters visible to Counts. The loop calls it once a batch.
func (c *Chain) Publish() { c.counters.flush() }

// Counts returns the counters as of the last Publish. It may be called from
// any goroutine; while packets flow, the rows may be of slightly different
// moments.
func (c *Chain) Counts() Counts { return c.counters.counts() }

// OpenPeer and the five below it tell the stages that keep state.
func (c *Chain) OpenPeer(n PeerNotice) {
	for _, o := range c.peers {
		c.tell(o, func() { o.PeerOpened(n) })
	}
}

// ClosePeer tells the stages that a peer has been forgotten.
func (c *Chain) ClosePeer(n PeerNotice) {
	for _, o := range c.peers {
		c.tell(o, func() { o.PeerClosed(n) })
	}
}

// OpenSession tells the stages that a session has opened.
func (c *Chain) OpenSession(n SessionNotice) {
	for _, o := range c.sessions {
		c.tell(o, func() { o.SessionOpened(n) })
	}
}

// CloseSession tells the stages that a session has closed.
func (c *Chain) CloseSession(n SessionNotice) {
	for _, o := range c.sessions {
		c.tell(o, func() { o.SessionClosed(n) })
	}
}

// OpenEpoch tells the stages that an epoch has opened.
func (c *Chain) OpenEpoch(n EpochNotice) {
	for _, o := range c.epochs {
		c.tell(o, func() { o.EpochOpened(n) })
	}
}

// CloseEpoch tells the stages that an epoch has closed.
func (c *Chain) CloseEpoch(n EpochNotice) {
	for _, o := range c.epochs {
		c.tell(o, func() { o.EpochClosed(n) })
	}
}

// tell gives a stage a notice. A panic there is reported, and the other stages
// hear of it all the same.
func (c *Chain) tell(observer any, notice func()) {
	defer func() {
		if r := recover(); r != nil && c.OnPanic != nil {
			c.OnPanic(observer.(Stage).Name(), r)
		}
	}()
	notice()
}
