package intentra

import (
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// NamedCount is a counter with its name.
type NamedCount struct {
	Name  string
	Count uint64
}

// Stats are the counters of a transport since it was opened.
type Stats struct {
	// PacketsIn and PacketsOut count datagrams, BytesIn and BytesOut the bytes of
	// their UDP payload.
	PacketsIn, PacketsOut, BytesIn, BytesOut uint64
	// MessagesIn counts messages delivered, MessagesOut messages packed into
	// packets. A Reliable message that is sent again counts once here, and each
	// time in PeerStats.
	MessagesIn, MessagesOut uint64

	// In and Out are the counters of the inbound and the outbound chain, with the
	// drops by stage and reason. In both, in = accepted + consumed + drops.
	In, Out pipeline.Counts
	// Refused counts datagrams that were dropped because the socket's send buffer
	// was full, of the peers that had the most in flight. Those of others wait.
	Refused uint64
	// SendDrops counts messages that were not sent, by reason.
	SendDrops []NamedCount
	// Superseded counts Latest messages that a newer one of their channel replaced
	// before they were sent. They are consumed, not dropped: Latest promises the newest
	// value alone, and that is delivered.
	Superseded uint64
	// Deliveries counts the messages with a Token, and those from SendAcked, by their
	// outcome.
	Deliveries []NamedCount
	// GivenUp counts notices of peers that they have given up Reliable messages; see
	// [Config].OnGivenUp.
	GivenUp uint64
	// ReceiveDrops counts messages that were dropped before Receive took them:
	// replaced by newer ones, or discarded because their peer was forgotten.
	ReceiveDrops uint64

	// Handshakes counts handshakes and their packets by outcome.
	Handshakes []NamedCount
	// HandshakesInFlight is the number of handshakes being answered now.
	HandshakesInFlight int
	// HandshakesWaiting is the number of dialers that wait until theirs can begin.
	HandshakesWaiting int
	// CookiesSent counts cookie replies, including those that tell a dialer to wait.
	CookiesSent uint64
	// RepliesLost counts handshake packets, cookie replies and control packets
	// that were dropped because too many datagrams waited to be sent.
	RepliesLost uint64
	// Peers is the number of known peers, connected or recently so, and Sessions
	// the number of open sessions.
	Peers, Sessions int
	// Rekeys counts changes of session keys, Strikes protocol violations.
	Rekeys, Strikes uint64
	// Closes counts ended sessions by reason. A peer may give a reason that has no
	// name; these are counted together as "unknown".
	Closes []NamedCount
	// Roams counts changes of address by connected peers, Takeovers sessions that
	// replaced an open session of the same peer.
	Roams, Takeovers uint64
	// Panics counts the panics recovered from stages, Handler, OnPeer, Authorize
	// and the handler of Logger, and calls of runtime.Goexit there.
	Panics uint64
	// SlowHandlerCalls counts stretches of at most 16 consecutive Handler calls
	// that took more than a millisecond together.
	SlowHandlerCalls uint64
	// ReorderBytes is the size of the Reliable messages that are held back until
	// an earlier one arrives.
	ReorderBytes int
	// FragmentBytes is the size of the buffers for messages whose fragments have not all
	// arrived.
	FragmentBytes int
	// QueueBytes is the size of the messages that wait to be sent, to all peers.
	QueueBytes int
	// SendMemory is the memory of the send queues of all peers, in bytes; see
	// Config.SendMemory.
	SendMemory int
	// Socket are the counters of the socket itself.
	Socket udp.Stats
	// SocketReadBuffer and SocketWriteBuffer are the sizes of the socket's buffers
	// in bytes, in the same terms as those of Config.Socket.
	SocketReadBuffer, SocketWriteBuffer int
	// Offload says which offloads of the kernel the socket uses now.
	Offload udp.Offload
	// Uptime is how long the transport has been open.
	Uptime time.Duration
}

// PeerStats are the counters of a peer, over all sessions since it became known.
type PeerStats struct {
	Key       PublicKey
	Identity  PublicKey // see Peer.Identity
	Addr      netip.AddrPort
	Connected bool
	Session   uint64 // see Peer.Session

	PacketsIn, PacketsOut, BytesIn, BytesOut uint64
	MessagesIn, MessagesOut                  uint64
	// Acked and Lost count sent messages whose packet was acknowledged or is
	// considered lost; a Reliable message counts each time it was sent.
	Acked, Lost uint64
	// Rekeys counts changes of session keys.
	Rekeys uint64
	// RTT is the smoothed round-trip time, RTTVar its mean deviation and RTTMin
	// the smallest sample. All are zero before the first sample.
	RTT, RTTVar, RTTMin time.Duration
	// InFlight is the number of bytes that were sent and are neither acknowledged
	// nor lost, and InFlightBound how many may be. Both are zero until more than
	// 16 KiB were in flight. Holds counts how often messages began to wait because
	// of the bound: while they wait, newer states replace older ones in the queue.
	InFlight, InFlightBound int
	Holds                   uint64
	// DatagramSize is the size in bytes of the largest datagrams that are sent to
	// the peer at present, zero if it is not connected. Its path carries them.
	DatagramSize int

	// QueuedMessages and QueueBytes are the number and the size of the messages
	// that wait to be sent.
	QueuedMessages, QueueBytes int
	// SendDrops counts messages that Send refused, or that newer ones displaced from a
	// full queue. Superseded is like that of Stats, for this peer.
	SendDrops, Superseded uint64
	// ReceiveDrops is like that of Stats, for this peer.
	ReceiveDrops uint64
	// Drops counts the packets and messages dropped by the inbound chain that carry
	// a receiver index of this peer, by stage and reason. They may be forged.
	Drops []NamedDrop
}

// NamedDrop is the number of packets and messages that a stage dropped for a reason.
type NamedDrop struct {
	Stage, Reason string
	Count         uint64
}

// Stats returns the counters of the transport. It does not wait for the loop: while
// packets flow, the counters may be from the previous turn of the loop and need not
// all be from the same moment.
func (t *Transport) Stats() Stats {
	if t.checked().host != nil {
		t.publishCounts()
	}
	t.published.mu.Lock()
	c := t.published.core
	t.published.mu.Unlock()
	s := Stats{
		PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		In: t.core.Inbound().Counts(), Out: t.core.Outbound().Counts(),
		HandshakesInFlight: c.HandshakesInFlight, HandshakesWaiting: c.HandshakesWaiting, CookiesSent: c.CookiesSent, RepliesLost: c.RepliesLost,
		Peers: c.Peers, Sessions: c.Sessions, Rekeys: c.Rekeys, Strikes: c.Strikes,
		Roams: c.Roams, Takeovers: c.Takeovers, Refused: c.Refused,
		Panics: c.Panics + t.panics.Load(), SlowHandlerCalls: t.slowCalls.Load(), ReorderBytes: c.HeldBytes, FragmentBytes: c.FragmentBytes, SendMemory: c.SendMemory,
	}
	if t.socket != nil { // it is nil in a simulation
		s.Socket, s.Offload, s.Uptime = t.socket.Stats(), t.socket.Offload(), time.Since(t.start)
		s.SocketReadBuffer, s.SocketWriteBuffer = t.socket.Granted()
	}
	s.MessagesIn, s.MessagesOut = s.In.Messages.Accepted, s.Out.Messages.Accepted
	for _, o := range conn.Outcomes() {
		s.Handshakes = append(s.Handshakes, NamedCount{o.String(), c.Handshakes[o]})
	}
	for _, o := range conn.Fates() {
		s.Deliveries = append(s.Deliveries, NamedCount{o.String(), c.Fates[o]})
	}
	s.GivenUp = c.GivenUp
	s.Closes = closeCounts(c.Closes[:])
	t.addQueues(&s, &c)
	return s
}

// closeCounts returns the counts with the names of their reasons. Counts of reasons
// without a name are added up, so that the sum is the number of ended sessions.
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

// addQueues adds the counters of the queues of all peers.
func (t *Transport) addQueues(s *Stats, c *conn.Stats) {
	d := &t.sendDrops
	superseded, displaced, expired := d.superseded.Load(), d.displaced.Load(), d.expired.Load()
	for _, p := range t.allPeers() {
		f, _ := p.core.QueueFlow()
		superseded += f.Superseded
		displaced += f.Displaced
		expired += f.Expired
		s.QueueBytes += p.core.QueuedBytes()
	}
	s.ReceiveDrops, s.Superseded = t.received.Dropped(), superseded+c.UnfinishedSuperseded
	s.SendDrops = []NamedCount{
		{"displaced", displaced},
		{"expired", expired + c.Expired},
		{"too_large", d.tooLarge.Load() + c.TooLarge},
		{"queue_full", d.queueFull.Load()},
		{"not_connected", d.notConnected.Load() + c.Offline},
		{"invalid_intent", d.intent.Load()},
		{"invalid_option", d.option.Load()},
		{"closed", d.closed.Load() + c.Abandoned},
		{"unfinished", c.UnfinishedDisplaced + c.UnfinishedClosed},
	}
}

// Stats returns the counters of the peer. They are up to 10 milliseconds old, and
// with n thousand busy peers up to 20 n milliseconds.
func (p *Peer) Stats() PeerStats {
	if p.checked().t.host != nil {
		p.t.copyStats(p)
	}
	p.lock.Lock()
	c := p.stats
	var rows []uint64
	var flight conn.Flight
	if p.rare != nil {
		flight, rows = p.rare.flight, slices.Clone(p.rare.drops)
	}
	p.lock.Unlock()
	s := PeerStats{
		Key: p.Key(), Identity: p.Identity(), Addr: p.Addr(), Connected: p.Connected(), Session: p.Session(),
		PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		MessagesIn: c.MessagesIn, MessagesOut: c.MessagesOut, Acked: c.Acked, Lost: c.Lost,
		Rekeys: c.Rekeys, RTT: c.RTT, RTTVar: c.RTTVar, RTTMin: c.RTTMin,
		InFlight: flight.Bytes, InFlightBound: flight.Bound, Holds: flight.Holds,
	}
	_, s.DatagramSize, _ = p.datagramSizes()
	for i, n := range rows {
		if n > 0 {
			label := p.t.dropLabel(i)
			s.Drops = append(s.Drops, NamedDrop{label.Stage, label.Reason, n})
		}
	}
	state, reliable := p.core.Queued()
	s.QueuedMessages, s.QueueBytes = state+reliable, p.core.QueuedBytes()
	f, _ := p.core.QueueFlow()
	s.SendDrops, s.Superseded = p.sendDrops.Load()+f.Displaced, f.Superseded
	if q := p.received.Load(); q != nil {
		s.ReceiveDrops = q.Dropped()
	}
	return s
}

// dropLabel returns the names of a row of drops. A program may read the counters of
// thousands of peers often, so the names, which do not change, are copied only once.
func (t *Transport) dropLabel(row int) pipeline.DropCount {
	t.labels.once.Do(func() { t.labels.rows = t.core.Inbound().DropLabels() })
	return t.labels.rows[row]
}
