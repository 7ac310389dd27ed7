package hub

// What we chose.
const (
	// MaxPerPublisher is the most channels that one publisher may use.
	MaxPerPublisher = 4096
	// MaxTotal is the most mappings at a time. Channel numbers of a Table are
	// less than MaxTotal.
	MaxTotal = 65536
)

// Table assigns channel numbers, each to one (publisher, channel) pair at a time.
// The result depends only on the order of calls. The zero value is ready to use.
// A Table is not safe for concurrent use: it belongs to a hub's event loop.
type Table struct {
	// freed numbers are assigned again in the order in which they were freed, so
	// that a number stays unused as long as possible.
	freed []uint32
	// next is the smallest number that has never been assigned.
	next uint32
	used int
}

// Publisher has the mappings of one publisher, from Join to Leave.
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

// Map returns the hub's channel for p's channel, which stays the same until
// Leave. For a new channel, ok is false and nothing changes if p or the table is
// full. Map does not allocate for a known channel.
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

// Leave frees the mappings of p. p may be used again, without mappings.
func (p *Publisher) Leave() {
	p.table.freed = append(p.table.freed, p.order...)
	p.table.used -= len(p.order)
	p.own, p.order = nil, nil
}

// take returns an unused number. It prefers freed numbers, because small numbers
// take fewer bytes on the wire.
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
