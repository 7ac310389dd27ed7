package hub

// What we chose.
const (
	// MaxPerPublisher is the most channels that one publisher may use.
	MaxPerPublisher = 4096
	// MaxTotal is the most mappings at a time, and one more than the largest
	// channel number that a Table gives out.
	MaxTotal = 65536
)

// Table hands out channel numbers, each to one (publisher, channel) at a time.
// Its outcome depends on the order of calls alone. The zero value is ready to
// use. Not safe for concurrent use: it belongs to a hub's event loop.
type Table struct {
	// freed numbers are given out again oldest first, so a number rests as long
	// as possible before it changes hands.
	freed []uint32
	// next is the smallest number that has never been given out.
	next uint32
	used int
}

// Publisher is the mappings of one publisher, from Join to Leave.
type Publisher struct {
	table *Table
	own   map[uint32]uint32
	order []uint32 // the values of own, in the order in which they were mapped
}

// Join returns a publisher without mappings.
func (t *Table) Join() *Publisher { return &Publisher{table: t} }

// Len returns the number of mappings of all publishers.
func (t *Table) Len() int { return t.used }

// Len returns the number of mappings of p.
func (p *Publisher) Len() int { return len(p.order) }

// Map returns the hub's channel for p's channel, the same one until Leave. ok
// is false, and nothing has changed, if the channel is a new one and p or the
// table is at its cap. A known channel allocates nothing.
func (p *Publisher) Map(channel uint32) (own uint32, ok bool) {
	if own, ok = p.own[channel]; ok {
		return own, true
	}
	if len(p.order) >= MaxPerPublisher {
		return 0, false
	}
	if own, ok = p.table.take(); !ok {
		return 0, false
	}
	if p.own == nil {
		p.own = make(map[uint32]uint32)
	}
	p.own[channel] = own
	p.order = append(p.order, own)
	return own, true
}

// Leave frees the mappings of p for other publishers. After it p is as new.
func (p *Publisher) Leave() {
	p.table.freed = append(p.table.freed, p.order...)
	p.table.used -= len(p.order)
	p.own, p.order = nil, nil
}

// take prefers freed numbers: small ones take fewer bytes on the wire.
func (t *Table) take() (uint32, bool) {
	if t.used >= MaxTotal {
		return 0, false
	}
	t.used++
	if len(t.freed) > 0 {
		n := t.freed[0]
		t.freed = t.freed[1:]
		return n, true
	}
	t.next++
	return t.next - 1, true
}
