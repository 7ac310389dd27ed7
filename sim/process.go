package sim

import (
	"net/netip"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/simulated"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// workerQueue is the most jobs that the handshake worker has at a time, as in a
// Transport.
const workerQueue = 64

// process is an endpoint with the event loop of a Transport.
type process struct {
	n      *Node
	ep     *conn.Endpoint
	driver Driver // of ep
	ended  bool
	busy   bool // in a call into the endpoint: others wait

	audit     *processAudit   // nil: none
	inCounts  pipeline.Counts // see Conservation
	outCounts pipeline.Counts
	received  uint64
	taken     uint64 // messages delivered to the user
	calls     []func(d Driver, now pipeline.Time)
	lookedUp  uint64
	lookups   map[*conn.Peer]uint64 // under way; the late answer to an earlier one is dropped
	app       simulated.Application
	transport *intentra.Transport // of app

	backlog  []wire.Datagram // refused by a full send buffer
	full     bool            // it was full in the latest turn
	tooLarge []int           // indexes of what the kernel refused for Link.LocalMTU in the latest write

	working  int           // jobs with the worker
	workDone pipeline.Time // when it will have done them
}

// wake schedules a turn of the node in this instant.
func (n *Node) wake() {
	if n.Running() && !n.paused {
		n.w.turns.set(n, n.w.now)
	}
}

func (p *process) do(f func(d Driver, now pipeline.Time)) {
	if p.ended {
		return
	}
	if p.busy || p.n.paused {
		p.calls = append(p.calls, f)
	} else {
		p.n.w.mark(p.n)
		p.busy = true
		f(p.driver, p.n.Now())
		p.takeEvents()
		p.busy = false
	}
	p.n.wake()
}

// receive passes one datagram to the endpoint. Its consequences follow in the
// turn.
func (p *process) receive(data []byte, from netip.AddrPort, local netip.Addr) {
	p.n.w.mark(p.n)
	p.received++
	p.busy = true
	p.driver.HandleDatagram(wire.Datagram{Data: data, Addr: from, Local: local}, p.n.Now())
	p.takeEvents()
	p.busy = false
	p.n.wake()
}

// turn does once what an event loop does besides reading, and schedules the next
// turn, which is in this instant if there is more to do.
func (p *process) turn() {
	n := p.n
	n.w.mark(n)
	n.turn = n.w.steps
	p.busy = true
	now := n.Now()
	calls := p.calls
	p.calls = nil
	for _, f := range calls {
		if f(p.driver, now); p.ended {
			return
		}
	}
	if p.app.TakeInbox(now) {
		p.busy = false
		n.Close()
		return
	}
	p.driver.HandleTimeout(now)
	p.takeEvents()
	p.flush(now)
	again := p.runJobs(now)
	p.takeEvents()
	p.app.HandleDeliveries()
	p.busy = false
	if p.ended || n.paused {
		return
	}
	if again || len(p.calls) > 0 || p.app.InboxFull() || p.ep.HasEvents() {
		n.wake()
	} else if at, ok := p.deadline(); ok {
		n.w.turns.set(n, n.clock.when(at, n.w.now))
	}
}

func (p *process) flush(now pipeline.Time) {
	if p.retry(now); p.full {
		return
	}
	for more := true; more && !p.ended && !p.full; {
		more = p.driver.Flush(now)
		p.transmit(now)
	}
}

// runJobs gives the worker the jobs that it has room for, and reports whether any
// was done at once.
func (p *process) runJobs(now pipeline.Time) (done bool) {
	for p.working < workerQueue && !p.ended {
		j := p.ep.PollJob()
		if j == nil {
			return done
		}
		if p.n.JobDelay <= 0 {
			p.work(j)
			p.driver.HandleJob(j, now)
			p.takeEvents() // before another job ends the session of these
			done = true
			continue
		}
		w := p.n.w
		p.working++
		p.workDone = max(p.workDone, w.now) + pipeline.Time(p.n.JobDelay)
		w.put(event{at: p.workDone, do: func() {
			if p.ended {
				return
			}
			p.work(j)
			p.do(func(d Driver, now pipeline.Time) {
				p.working--
				d.HandleJob(j, now)
			})
		}})
	}
	return done
}

// work runs a job, as the handshake worker of a Transport does.
func (p *process) work(j *conn.Job) {
	j.Run()
	if p.n.OnJob != nil {
		p.n.OnJob(j)
	}
}

// takeEvents handles the endpoint's events. Calls into the endpoint that they
// cause are deferred, as it may be in the middle of a packet.
func (p *process) takeEvents() {
	for p.ep.HasEvents() && !p.ended {
		for _, ev := range p.ep.Events() {
			if ev.Kind == conn.NeedAddress {
				p.answer(ev.Peer)
			}
			p.app.HandleEvent(ev)
			if p.audit != nil {
				p.audit.restarts.happened(p, ev)
			}
			p.n.hear(Event{p.n.w.now, ev.Kind, ev.Peer.Key, ev.Session, ev.Reason, ev.Err})
		}
	}
}
