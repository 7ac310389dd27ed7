package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// full replays a journal: the driver of a core that does what the recorded one
// was asked to do.
type full struct {
	o       Options
	core    *conn.Endpoint
	labels  []pipeline.DropCount
	random  *bytes.Reader
	statics map[journal.Key]*noise.Static

	peers  map[uint64]*conn.Peer
	jobs   map[uint64]*conn.Job
	pushes map[uint64][]*journal.Entry // by peer, not yet made

	// The entry in hand, and what is heard of it.
	entry   *journal.Entry
	packet  int // the number of the last one
	drops   []int
	outcome journal.Outcome
	asked   int // for room

	waiting []wire.Datagram // what Outgoing has returned, and no entry has named
	res     Result
}

func newFull(o Options, start *journal.Start) (*full, error) {
	f := &full{
		o: o, random: bytes.NewReader(o.Keys.Random), statics: map[journal.Key]*noise.Static{},
		peers: map[uint64]*conn.Peer{}, jobs: map[uint64]*conn.Job{}, pushes: map[uint64][]*journal.Entry{},
		res: Result{Journal: true, Differences: map[string]int{}},
	}
	if start == nil || start.Version != journal.Version {
		return nil, fmt.Errorf("%w: a journal of another version", journal.ErrCapture)
	}
	for _, private := range o.Keys.Statics {
		s, err := noise.NewStatic(private)
		if err != nil {
			return nil, ErrKeys
		}
		f.statics[s.Public()] = s
	}
	var cfg conn.Config
	if err := json.Unmarshal(start.Config, &cfg); err != nil {
		return nil, fmt.Errorf("%w: its configuration: %w", journal.ErrCapture, err)
	}
	if cfg.Static = f.statics[start.Key]; cfg.Static == nil {
		return nil, ErrKeys
	}
	cfg.Rand, cfg.Logger, cfg.BuildOptions = f.random, slog.New(slog.DiscardHandler), o.BuildOptions
	if start.Authorizes {
		cfg.Authorize = f.authorize
	}
	cfg.Deliver, cfg.Room, cfg.Touched = f.deliver, f.room, func(*conn.Peer) {}
	cfg.Journal = conn.Journal{Queues: f, Dropped: func(row int) { f.drops = append(f.drops, row) }}
	cfg.Stages = chainOf(o, start.Inbound, start.Outbound, func() int { return f.packet })
	core, err := conn.New(cfg)
	if err != nil {
		return nil, err
	}
	f.core, f.labels = core, core.Inbound().DropLabels()
	return f, nil
}

func (f *full) result() Result {
	f.unsaid()
	f.core.Inbound().Publish()
	f.core.Outbound().Publish()
	f.res.Inbound, f.res.Outbound = f.core.Inbound().Counts(), f.core.Outbound().Counts()
	return f.res
}

func (f *full) item(it journal.Item) error {
	if it.Packet != nil {
		f.packet = it.Packet.Number
	}
	e := it.Entry
	if e == nil {
		f.res.Other++
		return nil
	}
	switch e.Kind {
	case journal.Push:
		f.res.Pushes++
		f.pushes[e.Peer] = append(f.pushes[e.Peer], e)
		return nil
	case journal.Sent:
		f.sent(e)
		return nil
	case journal.Started:
		return fmt.Errorf("%w: a second recording in one file", journal.ErrCapture)
	}
	f.unsaid()
	f.res.Entries++
	f.entry, f.outcome, f.asked, f.drops = e, journal.Outcome{}, 0, f.drops[:0]
	switch e.Kind {
	case journal.Received:
		f.received(it.Packet, e)
	case journal.Outgoing:
		f.waiting = append(f.waiting, f.core.Outgoing()...)
	case journal.Ended:
		f.ended(e.End)
	default:
		f.call(e)
	}
	f.takeEvents()
	return nil
}

// call does what the driver has called the core for.
func (f *full) call(e *journal.Entry) {
	switch e.Kind {
	case journal.Timeout:
		f.core.HandleTimeout(e.At)
	case journal.Flush:
		f.core.Flush(e.At)
	case journal.Close:
		f.core.Close(e.Reason, e.At)
	case journal.Revoke:
		f.core.Revoke(e.Key, e.At)
	case journal.Job:
		f.job(e)
	case journal.Dial:
		f.dial(e)
	default:
		p := f.peers[e.Peer]
		if p == nil {
			f.differ("call", string(e.Kind), "no such peer")
			return
		}
		f.callPeer(p, e)
	}
}

func (f *full) callPeer(p *conn.Peer, e *journal.Entry) {
	switch e.Kind {
	case journal.Ready:
		f.core.MarkReady(p)
	case journal.SetAddress:
		f.core.SetAddress(p, e.Addr, e.At)
	case journal.DialFailed:
		f.core.DialFailed(p, fmt.Errorf("recorded: %s", e.Error), e.At)
	case journal.Abandon:
		f.core.AbandonDial(p, e.At)
	case journal.ClosePeer:
		f.core.ClosePeer(p, e.Reason, e.At)
	case journal.Probe:
		f.core.Probe(p, e.At)
	default:
		f.differ("call", string(e.Kind), "nothing known by that name")
	}
}

func (f *full) dial(e *journal.Entry) {
	static := f.statics[e.Identity]
	if static == nil {
		f.differ("call", "dial", "the keys file has no such identity")
		return
	}
	if p, err := f.core.DialAs(static, e.Key, e.At); err == nil {
		f.peers[p.Number()] = p
	}
}

// job runs the job that had come back here.
func (f *full) job(e *journal.Entry) {
	for f.jobs[e.Job] == nil {
		j := f.core.PollJob()
		if j == nil {
			f.differ("call", fmt.Sprintf("handshake job %d", e.Job), "no such job")
			return
		}
		f.jobs[j.Number()] = j
	}
	j := f.jobs[e.Job]
	delete(f.jobs, e.Job)
	j.Run()
	f.core.HandleJob(j, e.At)
}

func (f *full) authorize([noise.KeySize]byte) bool {
	if f.entry.Panicked {
		panic("replay: Authorize has panicked")
	}
	return f.entry.Authorized
}

func (f *full) received(p *journal.Packet, e *journal.Entry) {
	if p == nil {
		f.differ("call", "a datagram", "no packet")
		return
	}
	f.res.Received++
	// The core decrypts in place.
	f.core.HandleDatagram(slices.Clone(p.Data), e.Addr, e.At)
	f.outcome.Verdict, f.outcome.Dropped = journal.Verdict(f.core.Inbound().LastVerdict(), f.labels, f.drops)
	f.res.Delivered += f.outcome.Delivered
	if !f.outcome.Equal(e.Outcome) {
		f.differ("verdict", describe(e.Outcome), describe(f.outcome))
	}
	if f.o.Packet != nil {
		f.o.Packet(Packet{
			Number: p.Number, Time: p.Time, From: e.Addr, To: p.To, Data: p.Data, Recorded: e.Outcome, Replayed: f.outcome,
		})
	}
}

// describe is the outcome with the sum, which tells other messages apart.
func describe(o journal.Outcome) string {
	if o.Delivered == 0 {
		return o.String()
	}
	return fmt.Sprintf("%s (checksum %08x)", o, o.Sum)
}

func (f *full) deliver(p *conn.Peer, pk *pipeline.Packet) bool {
	f.takeEvents()
	at := f.outcome.Delivered
	f.outcome.Sum = journal.Checksum(f.outcome.Sum, p, pk)
	f.outcome.Delivered++
	if slices.Contains(f.entry.Panics, at) {
		panic("replay: the handler has panicked")
	}
	return true
}

func (f *full) room(*conn.Peer) bool {
	at := f.asked
	f.asked++
	return at >= len(f.entry.Rooms) || f.entry.Rooms[at] == '1'
}

// takeEvents learns of peers.
func (f *full) takeEvents() {
	for f.core.HasEvents() {
		for _, ev := range f.core.Events() {
			f.peers[ev.Peer.Number()] = ev.Peer
		}
	}
}

// Step pushes what was pushed before this step of the core. It makes f a
// sendq.Watcher.
func (f *full) Step(q *sendq.Queue, peer, n uint64) {
	all := f.pushes[peer]
	done := 0
	for done < len(all) && all[done].Step <= n {
		e := all[done]
		if o, _ := q.Push(e.Channel, e.Intent, e.Payload); o != sendq.Queued && o != sendq.Replaced {
			f.differ("push", "taken", "refused")
		}
		done++
	}
	if done == len(all) {
		delete(f.pushes, peer)
	} else {
		f.pushes[peer] = all[done:]
	}
}

// Pushed is nothing new to f.
func (f *full) Pushed(peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte) {}

// sent compares a datagram with what the core wants sent.
func (f *full) sent(e *journal.Entry) {
	f.res.Sent++
	recorded := wire.Datagram{Data: e.Data, Addr: e.Addr}
	if len(f.waiting) == 0 {
		f.differ("sent", show(recorded), "nothing")
		return
	}
	d := f.waiting[0]
	f.waiting = f.waiting[1:]
	if d.Addr != e.Addr || !bytes.Equal(d.Data, e.Data) {
		f.differ("sent", show(recorded), show(d))
	}
}

// unsaid reports what the core wants sent, and the recorded one did not send.
func (f *full) unsaid() {
	for _, d := range f.waiting {
		f.differ("sent", "nothing", show(d))
	}
	f.waiting = nil
}

func show(d wire.Datagram) string {
	return fmt.Sprintf("%d bytes to %s (%x...)", len(d.Data), d.Addr, d.Data[:min(len(d.Data), 24)])
}

// ended compares the totals.
func (f *full) ended(end *journal.End) {
	f.res.Whole = true
	if end == nil {
		return
	}
	for _, c := range []struct {
		name     string
		recorded pipeline.Counts
		chain    *pipeline.Chain
	}{{"inbound", end.Inbound, f.core.Inbound()}, {"outbound", end.Outbound, f.core.Outbound()}} {
		c.chain.Publish()
		was, is := totals(c.recorded), totals(c.chain.Counts())
		for _, name := range append(keys(was), keys(is)...) {
			if was[name] != is[name] {
				f.differ("total", fmt.Sprintf("%s %s %d", c.name, name, was[name]), fmt.Sprint(is[name]))
				was[name] = is[name] // once
			}
		}
	}
	if n := f.random.Len(); n > 0 {
		f.differ("random", fmt.Sprintf("%d bytes drawn", len(f.o.Keys.Random)), fmt.Sprint(len(f.o.Keys.Random)-n))
	}
}

// totals are the counters by name, without those that are zero.
func totals(c pipeline.Counts) map[string]uint64 {
	all := map[string]uint64{}
	add := func(name string, n uint64) {
		if n > 0 {
			all[name] += n
		}
	}
	for level, t := range map[string]pipeline.Tally{"packets": c.Packets, "messages": c.Messages} {
		add(level, t.In)
		add(level+" accepted", t.Accepted)
		add(level+" consumed", t.Consumed)
	}
	for _, d := range c.Drops {
		add("packets dropped "+d.Stage+"/"+d.Reason, d.Packets)
		add("messages dropped "+d.Stage+"/"+d.Reason, d.Messages)
	}
	return all
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func (f *full) differ(what, recorded, replayed string) {
	f.res.Differences[what]++
	if f.o.Difference != nil {
		f.o.Difference(Difference{Packet: f.packet, What: what, Recorded: recorded, Replayed: replayed})
	}
}

var _ sendq.Watcher = (*full)(nil)
