package pipeline

// Slots holds one value of type T for each live ID. The zero value is ready to use.
// Its memory grows with the highest number in use, not with time, and a value does
// not move while its ID is live.
//
// A Slots is not safe for concurrent use; those of a stage belong to the chain's
// goroutine.
type Slots[T any] struct {
	pages []*[slotPage]slot[T]
}

const slotPage = 64

type slot[T any] struct {
	id    ID
	value T
}

// Open makes id live with the zero T and returns a pointer to its value, which is
// valid until Close. It closes an ID with the same number and another generation.
func (s *Slots[T]) Open(id ID) *T {
	n := id.Number()
	for int(n/slotPage) >= len(s.pages) {
		s.pages = append(s.pages, nil)
	}
	page := &s.pages[n/slotPage]
	if *page == nil {
		*page = new([slotPage]slot[T])
	}
	sl := &(*page)[n%slotPage]
	*sl = slot[T]{id: id}
	return &sl.value
}

// Get returns the value of id, or nil if id is not live.
func (s *Slots[T]) Get(id ID) *T {
	n := id.Number()
	if int(n/slotPage) >= len(s.pages) {
		return nil
	}
	page := s.pages[n/slotPage]
	if page == nil {
		return nil
	}
	if sl := &page[n%slotPage]; sl.id == id && id != 0 {
		return &sl.value
	}
	return nil
}

// Close makes id no longer live and zeroes its value. It does nothing if id is not
// live.
func (s *Slots[T]) Close(id ID) {
	if v := s.Get(id); v != nil {
		s.pages[id.Number()/slotPage][id.Number()%slotPage] = slot[T]{}
	}
}

// PerSession is per-session state for a stage that embeds it: one T for each open
// session.
//
//	type speedLimit struct {
//		pipeline.PerSession[lastSeen]
//	}
//
//	func (s *speedLimit) Process(p *pipeline.Packet) pipeline.Verdict {
//		last := s.State(p)
//		...
//
// The zero value is ready to use.
type PerSession[T any] struct{ slots Slots[T] }

// SessionOpened creates the session's state. The chain calls it.
func (s *PerSession[T]) SessionOpened(n SessionNotice) { s.slots.Open(n.Session) }

// SessionClosed deletes the session's state. The chain calls it.
func (s *PerSession[T]) SessionClosed(n SessionNotice) { s.slots.Close(n.Session) }

// State returns the state of p's session, or nil if p has no open session. The
// pointer is valid until the session closes; do not keep it across packets.
func (s *PerSession[T]) State(p *Packet) *T { return s.slots.Get(p.Session) }
