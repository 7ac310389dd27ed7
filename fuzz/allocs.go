package fuzz

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Our choice: enough rounds for tables and windows to reach their size.
const (
	warmUp       = 16
	measured     = 10
	roundCounter = 1 << 24
)

// checkAllocs runs the packets of an input repeatedly, a second apart, in sessions that
// stay open, and counts the allocations. A stage may allocate for a session, rarely, or
// until its tables have reached their size.
func (k *kit) checkAllocs(input []byte) error {
	var steady []byte
	for _, s := range parseSteps(input) {
		if s.kind != stepNotice && s.kind != stepTime {
			steady = appendStep(steady, s)
		}
	}
	s, err := k.make()
	if err != nil {
		return err
	}
	l := &loop{kit: k, stage: s}
	if e := fault.Catch(func() { // judge has run the same input before
		l.begin(newPlan(steady, k.position))
		err = l.measure()
	}); e != nil {
		return e.Error("fuzz", l.running(l.name), "when the same packets were repeated", "")
	}
	return err
}

func (l *loop) measure() error {
	for range warmUp {
		l.round(l.packets)
	}
	if testing.AllocsPerRun(measured, func() { l.round(l.packets) }) < 1 {
		return nil
	}
	if n := testing.AllocsPerRun(measured, func() { l.front(l.packets) }); n >= 1 {
		return wrong("Prepare allocates, %.0f times for the packets of a seed: with AllocFree it must not, because its allocations cannot be told from the stage's", n)
	}
	for _, one := range l.packets {
		if n := testing.AllocsPerRun(measured, func() { l.round([]*packet{one}) }); n >= 1 {
			return wrong("stage %q allocates %.0f times for a packet: reuse buffers that are made with the stage or when a session opens (%s)%s",
				l.name, n, l.plan.describe(one), allocationSite(func() { l.round([]*packet{one}) }))
		}
	}
	return wrong("stage %q allocates for its packets, but for none of them alone%s", l.name, allocationSite(func() { l.round(l.packets) }))
}

// loop runs the same packets through a stage in rounds, each later and with higher
// counters. It allocates nothing itself.
type loop struct {
	*kit
	prepared
	plan    *plan
	stage   pipeline.Stage
	name    string
	packets []*packet
	p       pipeline.Packet
	buf     []byte
	rounds  uint64

	splitter pipeline.Splitter
	settler  pipeline.Settler
	packer   pipeline.Packer
	warmer   pipeline.Warmer
}

// begin opens all peers, sessions and epochs of the plan.
func (l *loop) begin(p *plan) {
	l.plan, l.name, l.buf = p, l.stage.Name(), make([]byte, p.size)
	if s, ok := splitterAt(l.stage, p.position); ok {
		l.splitter = s
	}
	if p.position == OutMessages {
		l.packer, _ = l.stage.(pipeline.Packer)
	}
	l.settler, _ = l.stage.(pipeline.Settler)
	l.warmer, _ = l.stage.(pipeline.Warmer)
	for _, e := range p.events {
		switch {
		case e.packet != nil:
			l.packets = append(l.packets, e.packet)
		case !e.notice.closed:
			e.notice.tell(l.stage)
		}
	}
}

func (l *loop) round(packets []*packet) {
	l.rounds++
	for _, k := range packets {
		if l.warmer != nil && k.warmed.Epoch != 0 {
			l.warmer.Warm(k.warmed.Session, k.warmed.Epoch, k.counter)
		}
		l.mount(k)
		if l.packer != nil && l.packer.Size(&l.p) > k.room {
			continue
		}
		v := l.stage.Process(&l.p)
		if l.splitter != nil && v == pipeline.Accept {
			for ok := true; ok; {
				_, ok = l.splitter.Next(&l.p)
			}
		}
		if l.settler != nil {
			l.settler.Settle(&l.p, settled(l.plan.position, ending(l.plan.position, k, &l.p, v)))
		}
	}
}

// front is a round without the stage, only with Prepare.
func (l *loop) front(packets []*packet) {
	l.rounds++
	for _, k := range packets {
		l.mount(k)
	}
}

func (l *loop) mount(k *packet) {
	mountAgain(l.buf, &l.p, k, l.plan.position, l.rounds)
	if l.prepare != nil {
		l.preparing = true
		l.prepare(&l.p)
		l.preparing = false
	}
}

// mountAgain mounts k as the packet of a later round.
func mountAgain(buf []byte, p *pipeline.Packet, k *packet, position Position, round uint64) {
	later := *k
	later.now += pipeline.Time(round) * pipeline.Time(time.Second)
	if later.of.Epoch != 0 {
		later.counter += round * roundCounter
	}
	mount(buf, p, &later, position)
	if t, _, ok := wire.Peek(p.Data); ok && t == wire.TypeData && len(p.Data) >= wire.HeaderSize {
		counter := p.Data[8:wire.HeaderSize]
		binary.BigEndian.PutUint64(counter, binary.BigEndian.Uint64(counter)+round*roundCounter)
	}
}
