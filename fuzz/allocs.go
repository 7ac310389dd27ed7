package fuzz

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/intentra/intentra/fuzz/internal/fault"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// What we chose: enough for tables and windows to have reached their size.
const (
	warmUp       = 16
	measured     = 10
	roundCounter = 1 << 24
)

// checkAllocs runs the packets of an input over and over, a second apart, in
// sessions that stay open, and counts the allocations. What a stage allocates
// for a session, now and then, or until its tables are as large as they get, is
// its own business.
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
	if e := fault.Catch(func() { // as from check: it does not get as far
		l.begin(newPlan(steady, k.position))
		err = l.measure()
	}); e != nil {
		return e.Error("fuzz", l.culprit(l.name), "when the same packets came over and over", "")
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
		return wrong("Prepare allocates, %.0f times for the packets of a seed: beside AllocFree it must not, or nothing can be said of the stage", n)
	}
	for _, one := range l.packets {
		if n := testing.AllocsPerRun(measured, func() { l.round([]*packet{one}) }); n >= 1 {
			return wrong("stage %q allocates %.0f times for a packet: reuse buffers that are made with the stage or when a session opens (%s)%s",
				l.name, n, l.plan.describe(one), allocationSite(func() { l.round([]*packet{one}) }))
		}
	}
	return wrong("stage %q allocates for its packets, though for none of them alone%s", l.name, allocationSite(func() { l.round(l.packets) }))
}

// loop is a stage that is given the same packets in rounds, each time later and
// with further counters. It allocates nothing itself.
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

// begin tells the stage of all who open in the plan.
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

// front is a round without the stage.
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

// mountAgain mounts k as it would be in a later round.
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
