package console

import "strconv"

// table is a set of rows that pages hold copies of. Each row has a number and, encoded,
// its latest text; a page receives the rows that have changed since its last update. The
// zero value is not ready: use newTable. It is not safe for concurrent use.
type table[K comparable] struct {
	limit   int
	rows    map[K]*row
	changed rowList
	next    uint32
	// Rejected counts attempts to add a row to a full table.
	rejected uint64
	// forgotten is the version of the latest tombstone that was removed: a page that has
	// an older state must begin again.
	forgotten  uint64
	tombstones int
}

// row is one row, or the tombstone of one. The list orders rows by version.
type row struct {
	number     uint32
	version    uint64
	text       []byte
	gone       bool
	prev, next *row
}

// rowList is a ring with a sentinel, oldest version first.
type rowList struct{ root row }

// maxTombstones is how many removed rows a table remembers for slow pages.
const maxTombstones = 1024

func newTable[K comparable](limit int) *table[K] {
	t := &table[K]{limit: limit, rows: make(map[K]*row)}
	t.changed.root.prev, t.changed.root.next = &t.changed.root, &t.changed.root
	return t
}

func (l *rowList) unlink(r *row) { r.prev.next, r.next.prev = r.next, r.prev }

func (l *rowList) push(r *row) {
	last := l.root.prev
	r.prev, r.next = last, &l.root
	last.next, l.root.prev = r, r
}

// row returns a row, which is made if need be, or nil if the table is full. The caller may
// keep it until it removes the row.
func (t *table[K]) row(key K) *row {
	r := t.rows[key]
	if r == nil {
		if len(t.rows) >= t.limit {
			t.rejected++
			return nil
		}
		r = &row{number: t.next}
		r.prev, r.next = r, r // not in the list until it has a text
		t.next++
		t.rows[key] = r
	}
	return r
}

// set changes the text of a row. The text is copied, unless it is the same as before.
func (t *table[K]) set(r *row, text []byte, version uint64) {
	if string(r.text) == string(text) {
		return
	}
	r.text, r.version = append(r.text[:0], text...), version
	t.changed.unlink(r)
	t.changed.push(r)
}

// remove removes a row. Pages receive its number alone.
func (t *table[K]) remove(key K, version uint64) {
	r := t.rows[key]
	if r == nil {
		return
	}
	delete(t.rows, key)
	r.text, r.version, r.gone = nil, version, true
	t.changed.unlink(r)
	t.changed.push(r)
	if t.tombstones++; t.tombstones > maxTombstones {
		t.forget()
	}
}

// forget removes the oldest tombstone.
func (t *table[K]) forget() {
	for r := t.changed.root.next; r != &t.changed.root; r = r.next {
		if r.gone {
			t.forgotten = r.version
			t.changed.unlink(r)
			t.tombstones--
			return
		}
	}
}

// append appends the rows that have changed after version since to b, as elements of a
// JSON array whose first elements are their numbers. If since is too old to know what
// was removed, all rows are appended, and reset is true.
func (t *table[K]) append(b []byte, since uint64) (out []byte, reset bool) {
	if since != 0 && since < t.forgotten {
		since, reset = 0, true
	}
	for r := t.changed.root.prev; r != &t.changed.root && r.version > since; r = r.prev {
		if r.gone && since == 0 {
			continue
		}
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = strconv.AppendUint(b, uint64(r.number), 10)
		b = append(b, r.text...)
		b = append(b, ']')
	}
	return b, reset
}
