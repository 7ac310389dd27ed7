package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Core is a conn.Endpoint that writes down what it is given and asked, if it has
// a Writer; without one it only passes calls on. What it does not shadow changes
// nothing that could be seen from outside.
//
// Like an Endpoint it belongs to one goroutine, but for its peers' queues.
type Core struct {
	*conn.Endpoint
	w      *Writer
	cfg    conn.Config
	labels []pipeline.DropCount
	origin int64
	local  netip.AddrPort
	heard  effects
	sentAt pipeline.Time
	packet []byte // scratch: a packet
	block  []byte // scratch: its block
}

// effects are what is told of one input beside the input itself.
type effects struct {
	drops   []int // rows
	outcome Outcome
	rooms   []byte
	panics  []int
}

// New makes an endpoint that is recorded by w, or not if w is nil. origin is the
// time of day at time zero in nanoseconds since 1970. Begin comes next.
func New(cfg conn.Config, w *Writer, origin int64) (*Core, error) {
	c := &Core{w: w, origin: origin}
	if w != nil {
		if err := w.begin(); err != nil {
			return nil, err
		}
		cfg = c.tap(cfg)
	}
	ep, err := conn.New(cfg)
	if err != nil {
		return nil, err
	}
	c.Endpoint, c.cfg = ep, cfg
	return c, nil
}

// tap returns cfg with all that it asks from outside, and is told, written down.
func (c *Core) tap(cfg conn.Config) conn.Config {
	if c.w.HasKeys() {
		c.w.secret([]byte(keysHeader + "\n"))
		c.w.static(cfg.Static.Private())
		cfg.Rand = &recordedRandom{cfg.Rand, c.w}
		cfg.Journal.Keyed = c.w.epoch
	}
	cfg.Journal.Queues = &pushes{c.w}
	cfg.Journal.Dropped = func(row int) { c.heard.drops = append(c.heard.drops, row) }
	cfg.Deliver, cfg.Room = c.deliver(cfg.Deliver), c.room(cfg.Room)
	return cfg
}

// Begin writes the first entry. local is the address that packets are shown to
// come from and go to.
func (c *Core) Begin(local netip.AddrPort) error {
	if c.w == nil {
		return nil
	}
	plain, err := json.Marshal(c.cfg)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	c.local, c.labels = local, c.Inbound().DropLabels()
	c.w.where(c.origin, local)
	c.w.block(appendSection(nil, "intentra"))
	c.w.entry(Entry{Kind: Started, Start: &Start{
		Version: Version, Origin: c.origin, Local: local, Key: c.cfg.Static.Public(), Authorizes: c.cfg.Authorize != nil,
		Config: plain, Inbound: names(c.Inbound()), Outbound: names(c.Outbound()),
	}})
	return nil
}

func names(chain *pipeline.Chain) (all []string) {
	for _, s := range chain.Stages() {
		all = append(all, s.Name())
	}
	return all
}

// Finish writes the last entry, with the totals. Nothing is recorded after it.
func (c *Core) Finish() {
	if c.w == nil {
		return
	}
	c.Inbound().Publish()
	c.Outbound().Publish()
	c.input(Entry{Kind: Ended, End: &End{Inbound: c.Inbound().Counts(), Outbound: c.Outbound().Counts()}})
	c.w = nil
}

// recordedRandom writes down what is drawn.
type recordedRandom struct {
	from io.Reader
	w    *Writer
}

func (r *recordedRandom) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	if n > 0 {
		r.w.random(b[:n])
	}
	return n, err
}

// pushes is the sendq.Watcher that writes down what is pushed.
type pushes struct{ w *Writer }

func (p *pushes) Step(q *sendq.Queue, peer, n uint64) {}

func (p *pushes) Pushed(peer, n uint64, channel uint32, intent pipeline.Intent, payload []byte) {
	p.w.entry(Entry{Kind: Push, Peer: peer, Step: n, Channel: channel, Intent: intent, Payload: payload})
}

// Checksum adds a delivered message to the sum of an Outcome.
func Checksum(sum uint32, p *conn.Peer, pk *pipeline.Packet) uint32 {
	var b [8 + 4 + 1]byte
	binary.LittleEndian.PutUint64(b[:], p.Number())
	binary.LittleEndian.PutUint32(b[8:], pk.Channel)
	b[12] = byte(pk.Intent)
	return crc32.Update(crc32.Update(sum, crc32.IEEETable, b[:]), crc32.IEEETable, pk.Payload())
}

func (c *Core) deliver(next func(*conn.Peer, *pipeline.Packet) bool) func(*conn.Peer, *pipeline.Packet) bool {
	return func(p *conn.Peer, pk *pipeline.Packet) bool {
		o := &c.heard.outcome
		o.Sum = Checksum(o.Sum, p, pk)
		o.Delivered++
		returned := false
		defer func() {
			if !returned {
				c.heard.panics = append(c.heard.panics, o.Delivered-1)
			}
		}()
		taken := next(p, pk)
		returned = true
		return taken
	}
}

func (c *Core) room(next func(*conn.Peer) bool) func(*conn.Peer) bool {
	return func(p *conn.Peer) bool {
		room := next(p)
		answer := byte('0')
		if room {
			answer = '1'
		}
		c.heard.rooms = append(c.heard.rooms, answer)
		return room
	}
}

// input writes an entry with what has been told of it.
func (c *Core) input(e Entry) { c.w.entry(c.tell(e)) }

// tell puts into e what has been heard since the entry before.
func (c *Core) tell(e Entry) Entry {
	h := &c.heard
	e.Outcome, e.Rooms, e.Panics = h.outcome, string(h.rooms), h.panics
	h.drops, h.outcome, h.rooms, h.panics = h.drops[:0], Outcome{}, h.rooms[:0], nil
	return e
}

// HandleDatagram is that of conn.Endpoint.
func (c *Core) HandleDatagram(data []byte, addr netip.AddrPort, now pipeline.Time) {
	if c.w == nil {
		c.Endpoint.HandleDatagram(data, addr, now)
		return
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	c.packet = appendIP(c.packet[:0], unzoned(addr), family(c.local, addr), data) // before it is decrypted in place
	c.heard.drops = c.heard.drops[:0]
	c.Endpoint.HandleDatagram(data, addr, now)
	c.heard.outcome.Verdict, c.heard.outcome.Dropped = c.verdict()
	e := c.tell(Entry{Kind: Received, At: now, Addr: addr})
	c.block = beginPacket(c.block[:0], uint64(c.origin+int64(now)), c.packet)
	c.block = endPacket(c.block, flagInbound, e.Outcome.String(), encode(e))
	c.w.block(c.block)
}

// verdict says what became of the packet in hand, and which of its messages were
// dropped.
func (c *Core) verdict() (verdict string, messages []string) {
	return Verdict(c.Inbound().LastVerdict(), c.labels, c.heard.drops)
}

// Verdict puts into words, as an Outcome has them, a packet's verdict and the rows
// of the drops that it has brought.
func Verdict(v pipeline.Verdict, labels []pipeline.DropCount, rows []int) (verdict string, messages []string) {
	label := func(row int) string { return labels[row].Stage + "/" + labels[row].Reason }
	switch v {
	case pipeline.Accept:
		verdict = "accept"
	case pipeline.Consumed:
		verdict = "consumed"
	default:
		verdict = "drop"
		if len(rows) > 0 {
			verdict += " " + label(rows[0])
			rows = rows[1:]
		}
	}
	for _, row := range rows {
		messages = append(messages, label(row))
	}
	return verdict, messages
}

func unzoned(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

// Outgoing is that of conn.Endpoint.
func (c *Core) Outgoing() []wire.Datagram {
	out := c.Endpoint.Outgoing()
	if c.w == nil || len(out) == 0 {
		return out
	}
	at := c.sentAt
	c.input(Entry{Kind: Outgoing, At: at})
	for _, d := range out {
		c.packet = appendIP(c.packet[:0], family(c.local, d.Addr), unzoned(d.Addr), d.Data)
		c.block = beginPacket(c.block[:0], uint64(c.origin+int64(at)), c.packet)
		c.block = endPacket(c.block, flagOutbound, "", encode(Entry{Kind: Sent, At: at, Addr: d.Addr}))
		c.w.block(c.block)
	}
	return out
}

// HandleTimeout is that of conn.Endpoint.
func (c *Core) HandleTimeout(now pipeline.Time) {
	c.Endpoint.HandleTimeout(now)
	if c.w != nil {
		c.input(Entry{Kind: Timeout, At: now})
	}
}

// Flush is that of conn.Endpoint.
func (c *Core) Flush(now pipeline.Time) (more bool) {
	more = c.Endpoint.Flush(now)
	if c.w != nil {
		c.sentAt = now
		c.input(Entry{Kind: Flush, At: now})
	}
	return more
}

// HandleJob is that of conn.Endpoint.
func (c *Core) HandleJob(j *conn.Job, now pipeline.Time) {
	c.Endpoint.HandleJob(j, now)
	if c.w != nil {
		authorized, panicked := j.Answered()
		c.input(Entry{Kind: Job, At: now, Job: j.Number(), Authorized: authorized, Panicked: panicked})
	}
}

// MarkReady is that of conn.Endpoint.
func (c *Core) MarkReady(p *conn.Peer) {
	c.Endpoint.MarkReady(p)
	if c.w != nil {
		c.input(Entry{Kind: Ready, Peer: p.Number()})
	}
}

// Dial is that of conn.Endpoint.
func (c *Core) Dial(key [noise.KeySize]byte, now pipeline.Time) (*conn.Peer, error) {
	return c.DialAs(c.cfg.Static, key, now)
}

// DialAs is that of conn.Endpoint.
func (c *Core) DialAs(static *noise.Static, key [noise.KeySize]byte, now pipeline.Time) (*conn.Peer, error) {
	p, err := c.Endpoint.DialAs(static, key, now)
	if c.w != nil {
		if c.w.HasKeys() {
			c.w.static(static.Private())
		}
		c.input(Entry{Kind: Dial, At: now, Identity: static.Public(), Key: key})
	}
	return p, err
}

// SetAddress is that of conn.Endpoint.
func (c *Core) SetAddress(p *conn.Peer, addr netip.AddrPort, now pipeline.Time) {
	c.Endpoint.SetAddress(p, addr, now)
	if c.w != nil {
		c.input(Entry{Kind: SetAddress, At: now, Peer: p.Number(), Addr: addr})
	}
}

// DialFailed is that of conn.Endpoint.
func (c *Core) DialFailed(p *conn.Peer, err error, now pipeline.Time) {
	c.Endpoint.DialFailed(p, err, now)
	if c.w != nil {
		c.input(Entry{Kind: DialFailed, At: now, Peer: p.Number(), Error: err.Error()})
	}
}

// AbandonDial is that of conn.Endpoint.
func (c *Core) AbandonDial(p *conn.Peer, now pipeline.Time) {
	c.Endpoint.AbandonDial(p, now)
	if c.w != nil {
		c.input(Entry{Kind: Abandon, At: now, Peer: p.Number()})
	}
}

// ClosePeer is that of conn.Endpoint.
func (c *Core) ClosePeer(p *conn.Peer, reason wire.CloseReason, now pipeline.Time) {
	c.Endpoint.ClosePeer(p, reason, now)
	if c.w != nil {
		c.input(Entry{Kind: ClosePeer, At: now, Peer: p.Number(), Reason: reason})
	}
}

// Revoke is that of conn.Endpoint.
func (c *Core) Revoke(key [noise.KeySize]byte, now pipeline.Time) {
	c.Endpoint.Revoke(key, now)
	if c.w != nil {
		c.input(Entry{Kind: Revoke, At: now, Key: key})
	}
}

// Probe is that of conn.Endpoint.
func (c *Core) Probe(p *conn.Peer, now pipeline.Time) {
	c.Endpoint.Probe(p, now)
	if c.w != nil {
		c.input(Entry{Kind: Probe, At: now, Peer: p.Number()})
	}
}

// Close is that of conn.Endpoint.
func (c *Core) Close(reason wire.CloseReason, now pipeline.Time) (more bool) {
	more = c.Endpoint.Close(reason, now)
	if c.w != nil {
		c.sentAt = now
		c.input(Entry{Kind: Close, At: now, Reason: reason})
	}
	return more
}
