package fragment

import (
	"slices"
	"time"

	"github.com/intentra/intentra/internal/list"
	"github.com/intentra/intentra/pipeline"
)

// What we chose: for how long a message may be incomplete after its last new fragment.
const (
	// RealtimeLife leaves time for packets that overtake each other: a Realtime
	// fragment is never sent again.
	RealtimeLife = pipeline.Time(time.Second)
	// LatestLife is longer than a few retransmission timeouts, which double up to 2 s.
	LatestLife = pipeline.Time(5 * time.Second)
	// ReliableLife is how long a session may be unable to continue a message.
	ReliableLife = pipeline.Time(30 * time.Second)
)

// Limits are the limits of a [Table].
type Limits struct {
	// HolderBytes and TotalBytes limit the buffers of one session and of all, in
	// bytes. Buffers are multiples of 4 KiB.
	HolderBytes, TotalBytes int
	// HolderMessages limits the messages of one session, with the Latest ones that
	// are complete and remembered.
	HolderMessages int
}

// Piece is a fragment that has arrived. All fields are checked, except that they may
// contradict those of other fragments.
type Piece struct {
	Intent  pipeline.Intent
	Channel uint32
	// Order numbers a Realtime or Latest message among those of its session.
	Order        uint64
	Size, Offset int // of the message, and in it
	Data         []byte
}

// Result is what [Table.Add] did with a fragment.
type Result uint8

// The results.
const (
	Stored     Result = iota + 1
	Complete          // it was the last one missing
	Duplicate         // it has arrived before
	Superseded        // a newer message of its Latest channel has begun
	Full              // there is no room for its message
	Invalid           // it contradicts other fragments: no honest peer sends it
)

// Losses counts messages that were dropped although they were incomplete.
type Losses struct {
	Superseded int // by a newer one of their Latest channel
	Expired    int // after their time
	Evicted    int // because there was no room
	Broken     int // Reliable ones that their sender did not continue
}

// Table holds the incomplete messages of all sessions. At a limit, the Realtime or Latest
// message that has made no progress for longest is evicted: of the session at its own
// limit, of all at the total one. Reliable messages are not evicted, since their fragments are
// acknowledged; room for one is reserved before it begins, or refused.
//
// It is not safe for concurrent use. Use New.
type Table struct {
	limits Limits
	bytes  int
	lists  [pipeline.Reliable + 1]list.List[*message] // in the order of progress; see message.list
	spare  []*message
	pool   pool
	losses Losses
}

// New returns an empty table.
func New(l Limits) *Table { return &Table{limits: l} }

// Bytes returns the size of all buffers, reserved ones included.
func (t *Table) Bytes() int { return t.bytes }

// TakeLosses returns what was lost since the last call.
func (t *Table) TakeLosses() Losses {
	l := t.losses
	t.losses = Losses{}
	return l
}

// Reserve makes room for a Reliable message of size bytes of which the first fragment has
// arrived, and reports whether there is room. [Table.Add] uses it up when that fragment is
// added, which may be later.
func (t *Table) Reserve(h *Holder, size int) bool {
	if !t.makeRoom(h, size) {
		return false
	}
	t.charge(h, buffered(size))
	h.reserved += buffered(size)
	return true
}

// Add adds a fragment. Those of a Reliable message are added in their order, the first
// after [Table.Reserve]. If the message is now complete, Add returns it: the payload is the
// caller's until it passes it to [Table.Put].
func (t *Table) Add(h *Holder, p Piece, now pipeline.Time) (payload []byte, r Result) {
	m := h.find(p.Intent, p.Channel, p.Order)
	if p.Intent == pipeline.Reliable {
		return t.follow(h, m, p, now)
	}
	switch {
	case m == nil:
	case p.Order < m.order:
		return nil, Superseded
	case p.Order > m.order:
		t.supersede(m)
		m = nil
	case m.payload == nil:
		return nil, Duplicate
	case p.Size != m.size:
		return nil, Invalid
	}
	if m == nil {
		if !t.makeRoom(h, p.Size) {
			return nil, Full
		}
		t.charge(h, buffered(p.Size))
		m = t.begin(h, p, now)
	}
	if !m.mark(p.Offset, len(p.Data)) {
		return nil, Duplicate
	}
	copy(m.payload[p.Offset:], p.Data)
	return t.progress(m, now)
}

// follow adds a fragment of a Reliable message, where m is the incomplete one of its
// channel, or nil.
func (t *Table) follow(h *Holder, m *message, p Piece, now pipeline.Time) ([]byte, Result) {
	if m != nil && (p.Offset != m.have || p.Size != m.size) {
		t.drop(m)
		t.losses.Broken++
		m = nil
	}
	if m == nil {
		if p.Offset != 0 {
			return nil, Invalid
		}
		h.reserved -= buffered(p.Size) // and stays charged
		m = t.begin(h, p, now)
	}
	m.have += copy(m.payload[m.have:], p.Data)
	return t.progress(m, now)
}

// begin makes the message of a fragment. Its buffer is charged already.
func (t *Table) begin(h *Holder, p Piece, now pipeline.Time) *message {
	m := t.newMessage()
	m.holder, m.intent, m.channel, m.order, m.size = h, p.Intent, p.Channel, p.Order, p.Size
	m.payload, m.progress = t.pool.get(p.Size), now
	h.messages = append(h.messages, m)
	t.lists[m.list()].PushBack(&m.place)
	return m
}

// progress records that something new has arrived of m, and returns it if it is complete.
func (t *Table) progress(m *message, now pipeline.Time) ([]byte, Result) {
	m.progress = now
	t.lists[m.list()].Remove(&m.place)
	payload := m.payload
	if m.complete() {
		m.payload = nil
		t.charge(m.holder, -buffered(m.size))
	}
	t.lists[m.list()].PushBack(&m.place)
	switch {
	case m.payload != nil:
		return nil, Stored
	case m.intent != pipeline.Latest:
		t.remove(m)
	}
	return payload, Complete
}

// Put takes back the payload of a complete message. It ignores nil.
func (t *Table) Put(payload []byte) { t.pool.put(payload) }

// Overtake drops the incomplete Latest message of a channel, because a newer one has
// arrived, before which messages up to that order belong.
func (t *Table) Overtake(h *Holder, channel uint32, order uint64) {
	if m := h.find(pipeline.Latest, channel, 0); m != nil && m.order <= order {
		t.supersede(m)
	}
}

// Interrupt drops the incomplete Reliable message of a channel, because another message
// follows on it, and reports whether there was one.
func (t *Table) Interrupt(h *Holder, channel uint32) bool {
	m := h.find(pipeline.Reliable, channel, 0)
	if m == nil {
		return false
	}
	t.drop(m)
	t.losses.Broken++
	return true
}

// Clear drops all messages and reservations of h and returns the number of incomplete
// messages.
func (t *Table) Clear(h *Holder) (incomplete int) {
	for len(h.messages) > 0 {
		m := h.messages[len(h.messages)-1]
		if m.payload != nil {
			incomplete++
		}
		t.drop(m)
	}
	t.charge(h, -h.bytes)
	h.reserved = 0
	return incomplete
}

// Expire drops the Realtime and Latest messages whose time is over. For a Reliable one it
// calls stalled, and again after the same time if nothing changes. It returns when to call it next;
// ok is false while the table is empty.
func (t *Table) Expire(now pipeline.Time, stalled func(session pipeline.ID)) (next pipeline.Time, ok bool) {
	for i := range t.lists {
		l, life := &t.lists[i], lives[i]
		for l.Len() > 0 && now-l.Front().Value.progress >= life {
			m := l.Front().Value
			switch {
			case m.intent == pipeline.Reliable:
				m.progress = now
				l.Remove(&m.place)
				l.PushBack(&m.place)
				stalled(m.holder.Session)
				continue
			case m.payload != nil:
				t.losses.Expired++
			}
			t.drop(m)
		}
		if l.Len() > 0 {
			if at := l.Front().Value.progress + life; !ok || at < next {
				next, ok = at, true
			}
		}
	}
	return next, ok
}

// lives are those of the messages in Table.lists.
var lives = [...]pipeline.Time{
	remembered:        LatestLife,
	pipeline.Realtime: RealtimeLife, pipeline.Latest: LatestLife, pipeline.Reliable: ReliableLife,
}

// makeRoom evicts messages until h can hold another one of size bytes, and reports whether it
// can.
func (t *Table) makeRoom(h *Holder, size int) bool {
	n := buffered(size)
	for len(h.messages) >= t.limits.HolderMessages || h.bytes+n > t.limits.HolderBytes {
		if !t.evict(h.oldest()) {
			return false
		}
	}
	for t.bytes+n > t.limits.TotalBytes {
		if !t.evict(t.oldest()) {
			return false
		}
	}
	return true
}

// oldest returns the message of h that is evicted first, or nil.
func (h *Holder) oldest() (oldest *message) {
	for _, m := range h.messages {
		if m.intent != pipeline.Reliable && (oldest == nil || m.progress < oldest.progress) {
			oldest = m
		}
	}
	return oldest
}

// oldest returns the message of all sessions that is evicted first, or nil.
func (t *Table) oldest() *message {
	realtime, latest := t.lists[pipeline.Realtime].Front(), t.lists[pipeline.Latest].Front()
	switch {
	case realtime == nil && latest == nil:
		return nil
	case latest == nil || realtime != nil && realtime.Value.progress < latest.Value.progress:
		return realtime.Value
	}
	return latest.Value
}

func (t *Table) evict(m *message) bool {
	if m == nil {
		return false
	}
	if m.payload != nil {
		t.losses.Evicted++
	}
	t.drop(m)
	return true
}

func (t *Table) supersede(m *message) {
	if m.payload != nil {
		t.losses.Superseded++
	}
	t.drop(m)
}

// drop removes m and frees its buffer.
func (t *Table) drop(m *message) {
	payload := m.payload
	t.remove(m)
	if payload != nil {
		t.charge(m.holder, -buffered(m.size))
		t.pool.put(payload)
		m.payload = nil
	}
}

// remove takes m out of the table.
func (t *Table) remove(m *message) {
	h := m.holder
	t.lists[m.list()].Remove(&m.place)
	if i := slices.Index(h.messages, m); i >= 0 {
		h.messages = slices.Delete(h.messages, i, i+1)
	}
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, m)
	}
}

func (t *Table) newMessage() *message {
	var m *message
	if last := len(t.spare) - 1; last >= 0 {
		m = t.spare[last]
		t.spare[last] = nil
		t.spare = t.spare[:last]
		*m = message{}
	} else {
		m = new(message)
	}
	m.place.Value = m
	return m
}

func (t *Table) charge(h *Holder, bytes int) {
	h.bytes += bytes
	t.bytes += bytes
}
