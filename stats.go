package intentra

import (
	"net/netip"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// NamedCount is a counter with its label.
type NamedCount struct {
	Name  string
	Count uint64
}

// Stats are a transport's counters since it was opened.
type Stats struct {
	// Datagrams and their bytes, of UDP payload.
	PacketsIn, PacketsOut, BytesIn, BytesOut uint64
	// MessagesIn were delivered, MessagesOut packed into packets. Sending a
	// Reliable one again does not count here, but does in PeerStats.
	MessagesIn, MessagesOut uint64

	// In and Out are the counters of the two chains, with the drops by stage
	// and reason. Both obey in = accepted + consumed + drops.
	In, Out pipeline.Counts
	// SendDrops counts messages that were not sent, by reason.
	SendDrops []NamedCount
	// ReceiveDrops counts messages that were overwritten by newer ones before
	// Receive took them, or given up because the peer had long been gone.
	ReceiveDrops uint64

	// Handshakes counts handshakes and their packets by outcome.
	Handshakes         []NamedCount
	HandshakesInFlight int
	CookiesSent        uint64
	// RepliesLost counts handshake packets, cookies and control packets that
	// found no room among the datagrams to be sent.
	RepliesLost uint64
	// Peers are known, connected or lately so; Sessions are open.
	Peers, Sessions int
	Rekeys, Strikes uint64
	// Closes counts sessions that have ended, by reason; those for reasons
	// without a name, which a peer may give, are one row, "unknown".
	Closes []NamedCount
	// Roams counts moves of peers to other addresses, Takeovers sessions that
	// have replaced a living one of the same peer.
	Roams, Takeovers uint64
	// Panics counts the panics recovered from stages, Handler, OnPeer, Authorize
	// and the handler of Logger, and the calls of runtime.Goexit in Authorize.
	Panics uint64
	// SlowHandlerCalls counts stretches of at most 16 Handler calls that took
	// over a millisecond together.
	SlowHandlerCalls uint64
	// ReorderBytes are held back until a Reliable message before them comes.
	ReorderBytes int
	// QueueBytes wait to be sent, to all peers.
	QueueBytes int
	// Socket are the counters of the socket itself.
	Socket udp.Stats
	// SocketReadBuffer and SocketWriteBuffer are the bytes of queue that the
	// kernel gave, comparable to those asked for in Config.Socket.
	SocketReadBuffer, SocketWriteBuffer int
	// Offload is what the kernel does for the socket now.
	Offload udp.Offload
	// Uptime is how long the transport has been open.
	Uptime time.Duration
}

// PeerStats are a peer's counters, over all its sessions since it became known.
type PeerStats struct {
	Key       PublicKey
	Identity  PublicKey // our own towards the peer
	Addr      netip.AddrPort
	Connected bool

	PacketsIn, PacketsOut, BytesIn, BytesOut uint64
	MessagesIn, MessagesOut                  uint64
	// Acked and Lost count messages sent whose packet was acknowledged, or
	// taken for lost; a Reliable one each time it was sent.
	Acked, Lost uint64
	Rekeys      uint64
	// RTT is the smoothed round-trip time, RTTVar its mean deviation and
	// RTTMin its least sample; zero before the first.
	RTT, RTTVar, RTTMin time.Duration

	// QueuedMessages and QueueBytes wait to be sent.
	QueuedMessages, QueueBytes int
	// SendDrops counts messages refused, superseded or displaced.
	SendDrops uint64
	// ReceiveDrops counts messages overwritten or given up before Receive took
	// them.
	ReceiveDrops uint64
	// Drops are the drops of packets and messages with this peer's index, by
	// stage and reason; forgeries count here too.
	Drops []NamedDrop
}

// NamedDrop is the number of drops at a stage for a reason.
type NamedDrop struct {
	Stage, Reason string
	Count         uint64
}

// Stats returns the transport's counters. While packets flow they may be a
// turn of the loop old, and not all of one moment.
func (t *Transport) Stats() Stats {
	t.published.mu.Lock()
	c := t.published.core
	t.published.mu.Unlock()
	s := Stats{
		PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		In: t.core.Inbound().Counts(), Out: t.core.Outbound().Counts(),
		HandshakesInFlight: c.HandshakesInFlight, CookiesSent: c.CookiesSent, RepliesLost: c.RepliesLost,
		Peers: c.Peers, Sessions: c.Sessions, Rekeys: c.Rekeys, Strikes: c.Strikes,
		Roams: c.Roams, Takeovers: c.Takeovers,
		Panics: c.Panics + t.panics.Load(), SlowHandlerCalls: t.slowCalls.Load(), ReorderBytes: c.HeldBytes,
		Socket: t.socket.Stats(), Offload: t.socket.Offload(), Uptime: time.Since(t.start),
	}
	s.SocketReadBuffer, s.SocketWriteBuffer = t.socket.Granted()
	s.MessagesIn, s.MessagesOut = s.In.Messages.Accepted, s.Out.Messages.Accepted
	for _, o := range conn.Outcomes() {
		s.Handshakes = append(s.Handshakes, NamedCount{o.String(), c.Handshakes[o]})
	}
	s.Closes = closeCounts(c.Closes[:])
	t.addQueues(&s, &c)
	return s
}

// closeCounts names the counts, which are by reason. They add up to the sessions
// that have ended, whatever the peers have said.
func closeCounts(byReason []uint64) (rows []NamedCount) {
	var unknown uint64
	for _, n := range byReason {
		unknown += n
	}
	for _, r := range wire.CloseReasons() {
		rows = append(rows, NamedCount{r.String(), byReason[r]})
		unknown -= byReason[r]
	}
	return append(rows, NamedCount{"unknown", unknown})
}

// addQueues adds what the queues of the peers know.
func (t *Transport) addQueues(s *Stats, c *conn.Stats) {
	d := &t.sendDrops
	superseded, displaced := d.superseded.Load(), d.displaced.Load()
	for _, p := range t.allPeers() {
		f, _ := p.core.QueueFlow()
		superseded += f.Superseded
		displaced += f.Displaced
		s.QueueBytes += p.core.QueuedBytes()
	}
	s.ReceiveDrops = t.received.Dropped()
	s.SendDrops = []NamedCount{
		{"superseded", superseded},
		{"displaced", displaced},
		{"too_large", d.tooLarge.Load() + c.TooLarge},
		{"queue_full", d.queueFull.Load()},
		{"not_connected", d.notConnected.Load() + c.Offline},
		{"invalid_intent", d.intent.Load()},
		{"closed", d.closed.Load() + c.Abandoned},
	}
}

// Stats returns the peer's counters. They are some milliseconds old, with n
// thousand busy peers up to 20 n.
func (p *Peer) Stats() PeerStats {
	p.statsLock.Lock()
	c := p.stats
	rows := append([]uint64(nil), p.dropRows...)
	p.statsLock.Unlock()
	s := PeerStats{
		Key: p.Key(), Identity: p.Identity(), Addr: p.Addr(), Connected: p.Connected(),
		PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		MessagesIn: c.MessagesIn, MessagesOut: c.MessagesOut, Acked: c.Acked, Lost: c.Lost,
		Rekeys: c.Rekeys, RTT: c.RTT, RTTVar: c.RTTVar, RTTMin: c.RTTMin,
	}
	labels := p.t.core.Inbound().DropLabels()
	for i, n := range rows {
		if n > 0 {
			s.Drops = append(s.Drops, NamedDrop{labels[i].Stage, labels[i].Reason, n})
		}
	}
	state, reliable := p.core.Queued()
	s.QueuedMessages, s.QueueBytes = state+reliable, p.core.QueuedBytes()
	f, _ := p.core.QueueFlow()
	s.SendDrops = p.sendDrops.Load() + f.Superseded + f.Displaced
	if q := p.received.Load(); q != nil {
		s.ReceiveDrops = q.Dropped()
	}
	return s
}
