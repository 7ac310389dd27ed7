package console

import (
	"math"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// cycle is how many samples it takes to read every peer and topic once.
	cycle = 10
	// maxPeerRows is how many peers a page shows.
	maxPeerRows = 20_000
	// maxSlice is how many peers are read in one sample.
	maxSlice = 1000
	// silentAfter is the time without a packet after which a peer is shown as silent, and
	// deadAfter that after which it is shown as dead. A dialer that sends nothing else
	// sends a keep-alive once a second.
	silentAfter = 3 * time.Second
	deadAfter   = 5 * time.Second
	// showDead is how long a peer that has disconnected is shown.
	showDead = 10 * time.Minute
)

// peerKey identifies a peer; see [intentra.Peer.Identity].
type peerKey struct{ key, identity intentra.PublicKey }

// peerRow is what is known of a peer between two readings.
type peerRow struct {
	peer *intentra.Peer // nil if it has only been known from the hub
	name string
	row  *row

	at, moved time.Duration // of the reading, and of the latest packet
	gone      time.Duration // when it was first seen disconnected; zero: connected
	stats     intentra.PeerStats
	hub       hub.PublisherStats
	drops     uint64

	addr  string         // text of the address shown
	shown netip.AddrPort // the address that addr is of
}

// Levels of a row.
const (
	rowGood = iota
	rowWarning
	rowDead
)

// peerBook reads peers in slices and keeps their rows. Peers that were connected and are
// not any more stay for a while.
type peerBook struct {
	cfg    *Config
	table  *table[peerKey]
	rows   map[peerKey]*peerRow
	queue  []peerKey // those to read in this cycle
	slice  int
	sums   peerSums // of the rows
	before [2]peerSums
	rtt    ageCounts // of the readings so far
	buffer []byte
}

// peerSums are sums over all peers that are shown.
type peerSums struct {
	connected, dead        int
	acked, lost, displaced uint64
	firstDead              string
}

func newPeerBook(cfg *Config) *peerBook {
	b := &peerBook{cfg: cfg, table: newTable[peerKey](maxPeerRows), rows: make(map[peerKey]*peerRow)}
	if cfg.Hub != nil {
		for _, p := range cfg.Hub.Publishers() {
			if !p.Connected {
				b.add(peerKey{p.Key, cfg.Transport.PublicKey()}, nil, 0)
			}
		}
	}
	return b
}

func (b *peerBook) add(k peerKey, p *intentra.Peer, now time.Duration) {
	shown := b.table.row(k)
	if shown == nil {
		return
	}
	r := &peerRow{peer: p, row: shown, moved: now}
	r.name, r.hub = b.cfg.nameOf(k.key)
	r.stats.Key = k.key
	b.rows[k] = r
}

// begin begins a cycle: new peers get rows, and old rows are removed.
func (b *peerBook) begin(now time.Duration, version uint64) {
	for _, p := range b.cfg.Transport.Peers() {
		k := peerKey{p.Key(), p.Identity()}
		if r := b.rows[k]; r == nil {
			b.add(k, p, now)
		} else if r.peer != p {
			r.peer, r.stats, r.drops, r.moved = p, intentra.PeerStats{Key: k.key}, 0, now
		}
	}
	b.queue = b.queue[:0]
	for k, r := range b.rows {
		if r.gone != 0 && now-r.gone > showDead {
			delete(b.rows, k)
			b.table.remove(k, version)
			continue
		}
		b.queue = append(b.queue, k)
	}
	b.slice = min((len(b.queue)+cycle-1)/cycle, maxSlice)
	b.sum()
}

// sum adds up all rows.
func (b *peerBook) sum() {
	b.before[1], b.before[0] = b.before[0], b.sums
	b.sums = peerSums{}
	for _, r := range b.rows {
		b.sums.acked += r.stats.Acked
		b.sums.lost += r.stats.Lost
		b.sums.displaced += r.stats.SendDrops
		switch {
		case r.gone != 0:
			b.sums.dead++
			if b.sums.firstDead == "" || r.name < b.sums.firstDead {
				b.sums.firstDead = r.name
			}
		default:
			b.sums.connected++
		}
	}
}

// delivery returns the share of the messages that peers have acknowledged among those
// decided in the last two cycles, in percent; NaN if none was.
func (b *peerBook) delivery() float64 {
	s, old := b.sums, b.before[1]
	if s.acked < old.acked || s.lost < old.lost || s.displaced < old.displaced {
		return math.NaN()
	}
	acked, failed := float64(s.acked-old.acked), float64(s.lost-old.lost+s.displaced-old.displaced)
	if acked+failed == 0 {
		return math.NaN()
	}
	return 100 * acked / (acked + failed)
}

// read reads the next slice of peers.
func (b *peerBook) read(now time.Duration, version uint64, log *Events) {
	n := min(b.slice, len(b.queue))
	for _, k := range b.queue[:n] {
		b.readOne(k.key, b.rows[k], now, version, log)
	}
	b.queue = b.queue[n:]
}

func (b *peerBook) readOne(key intentra.PublicKey, r *peerRow, now time.Duration, version uint64, log *Events) {
	before, dropped, restarts, span := r.stats, r.drops, r.hub.Restarts, (now - r.at).Seconds()
	first := r.at == 0
	r.name, r.hub = b.cfg.nameOf(key)
	if r.peer != nil {
		r.stats = r.peer.Stats()
	}
	r.drops = r.stats.SendDrops + r.stats.ReceiveDrops
	for _, d := range r.stats.Drops {
		r.drops += d.Count
	}
	for _, n := range r.hub.Drops {
		r.drops += n
	}
	r.at = max(now, 1)
	if r.stats.PacketsIn != before.PacketsIn {
		r.moved = now
	}
	if r.stats.RTT > 0 && r.stats.Connected {
		b.rtt.add(r.stats.RTT)
	}
	if !first {
		b.notice(r, &before, restarts, log)
	}
	b.encode(r, &before, dropped, span, first, version)
}

// notice logs what has happened to a peer since it was last read.
func (b *peerBook) notice(r *peerRow, before *intentra.PeerStats, restarts uint64, log *Events) {
	if before.Connected && r.stats.Connected && before.Addr != r.stats.Addr && before.Addr.IsValid() {
		log.add("move", r.name+", now at "+r.stats.Addr.String(), "a")
	}
	if r.stats.Rekeys > before.Rekeys {
		log.add("rekey", r.name, "")
	}
}

// level returns how a row is shown.
func (r *peerRow) level(now time.Duration, dropRate, loss float64) int {
	switch {
	case !r.stats.Connected, now-r.moved >= deadAfter:
		return rowDead
	case now-r.moved >= silentAfter, dropRate >= 1, loss >= 5:
		return rowWarning
	}
	return rowGood
}

// encode sets the text of a row: name, address, level, RTT in ms, packets in and out per
// second, loss in percent, queued messages, drops per second, datagram size, restarts, and
// drops so far.
func (b *peerBook) encode(r *peerRow, before *intentra.PeerStats, dropped uint64, span float64, first bool, version uint64) {
	rate := func(now, old uint64) float64 {
		if first || now < old || span <= 0 {
			return 0
		}
		return float64(now-old) / span
	}
	s := &r.stats
	loss := 0.0
	if decided := rate(s.Acked+s.Lost, before.Acked+before.Lost); decided > 0 {
		loss = 100 * rate(s.Lost, before.Lost) / decided
	}
	dropRate := rate(r.drops, dropped)
	level := r.level(r.at, dropRate, loss)
	switch {
	case level != rowDead:
		r.gone = 0
	case r.gone == 0:
		r.gone = r.at
	}
	if r.shown != s.Addr {
		r.shown, r.addr = s.Addr, ""
		if s.Addr.IsValid() {
			r.addr = s.Addr.String()
		}
	}
	t := appendText(b.buffer[:0], r.name)
	t = appendText(t, r.addr)
	t = appendFields(t, 0, float64(level))
	t = appendFields(t, 3, float64(s.RTT)/1e6)
	t = appendFields(t, 0, rate(s.PacketsIn, before.PacketsIn), rate(s.PacketsOut, before.PacketsOut))
	t = appendFields(t, 2, loss)
	t = appendFields(t, 0, float64(s.QueuedMessages))
	t = appendFields(t, 1, dropRate)
	t = appendFields(t, 0, float64(s.DatagramSize), float64(r.hub.Restarts), float64(r.drops))
	b.buffer = t
	b.table.set(r.row, t, version)
}

// find returns the row with a number.
func (b *peerBook) find(number uint32) *peerRow {
	for _, r := range b.rows {
		if r.row.number == number {
			return r
		}
	}
	return nil
}
