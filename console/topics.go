package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// maxTopicRows is how many topics a page shows.
	maxTopicRows = 10_000
	// topicSlice is how many topics one sample reads. A hub with fewer is read whole ten
	// times a second, so that objects move smoothly on the map.
	topicSlice = 512
	// describeEvery is the time between two readings of a topic's rates.
	describeEvery = time.Second
)

// topicRow is what is known of a topic between two readings.
type topicRow struct {
	path    string
	row     *row          // of its rates
	place   *row          // of its position; nil without one
	round   uint64        // the round in which it was last found
	rated   time.Duration // when the rates were computed
	old     topicCounts   // at that time
	arrival arrival
}

// topicCounts are the counts of a topic at one moment.
type topicCounts struct{ updates, bytes, conflated uint64 }

func countsOf(s *hub.TopicState) topicCounts { return topicCounts{s.Updates, s.Bytes, s.Conflated} }

// arrival estimates the mean interval between the updates of a topic, and its jitter: the
// mean deviation of arrivals from a steady rhythm. It knows the number of updates and the
// time of the latest one at each reading, so it costs the packet path nothing.
type arrival struct {
	updates          uint64
	at               time.Duration
	interval, jitter float64 // seconds
	paused           bool
}

// pause is how many intervals without an update are a pause of the publisher.
const pause = 8

// add adds a reading.
func (a *arrival) add(updates uint64, at time.Duration) {
	before := *a
	a.updates, a.at = updates, at
	n := float64(updates) - float64(before.updates)
	span := (at - before.at).Seconds()
	if before.updates == 0 || n <= 0 || span <= 0 {
		if n < 0 { // declared again
			*a = arrival{updates: updates, at: at}
		}
		return
	}
	// After a pause, such as before the first subscriber, the rhythm is learnt again.
	if a.interval == 0 || span > pause*n*a.interval || a.paused {
		a.interval, a.paused = span/n, a.interval != 0 && span > pause*n*a.interval
		return
	}
	deviation := math.Abs(span - n*a.interval)
	a.interval += (span/n - a.interval) / 16
	a.jitter += (deviation - a.jitter) / 16
}

// topicBook reads topics in slices and keeps their rows, and those of the map.
type topicBook struct {
	hub    *hub.Hub
	table  *table[string] // rates
	places *table[string] // positions
	rows   map[string]*topicRow
	// order has the rows of the round before as they were read, and read those of this one:
	// the next row is almost always the next of order, without a look at the map.
	order, read []*topicRow
	after       string
	round       uint64
	list        []hub.TopicState
	buffer      []byte
	// What has changed since the log was written: all topics are new in the first round,
	// which is not logged.
	declared, ended []string
}

func newTopicBook(h *hub.Hub) *topicBook {
	return &topicBook{
		hub: h, table: newTable[string](maxTopicRows), places: newTable[string](maxTopicRows),
		rows: make(map[string]*topicRow), round: 1,
	}
}

// next reads the next slice of topics.
func (b *topicBook) next(version uint64, log *Events) {
	if b.hub == nil {
		return
	}
	b.readSlice(version)
	if version%window != 0 {
		return // once a second
	}
	logTopics(log, "topic", b.declared)
	logTopics(log, "end", b.ended)
	b.declared, b.ended = b.declared[:0], b.ended[:0]
}

// namedTopics is how many topics one event names.
const namedTopics = 3

// logTopics logs topics in one event, so that a fleet that connects does not displace all
// others.
func logTopics(log *Events, kind string, paths []string) {
	switch n := len(paths); {
	case n == 0:
	case n <= namedTopics:
		log.add(kind, strings.Join(paths, ", "), "")
	default:
		log.add(kind, fmt.Sprintf("%d topics: %s, ...", n, strings.Join(paths[:namedTopics], ", ")), "")
	}
}

func (b *topicBook) readSlice(version uint64) {
	var now time.Duration
	b.list, now = b.hub.Survey(b.list[:0], b.after, topicSlice)
	for i := range b.list {
		b.readOne(&b.list[i], now, version)
	}
	if len(b.list) == topicSlice {
		b.after = b.list[len(b.list)-1].Path
		return
	}
	for path, r := range b.rows {
		if r.round != b.round {
			delete(b.rows, path)
			b.ended = append(b.ended, path)
			b.table.remove(path, version)
			b.places.remove(path, version)
		}
	}
	slices.Sort(b.ended)
	b.after = ""
	b.round++
	b.order, b.read = b.read, b.order
	clear(b.read) // rows that have ended
	b.read = b.read[:0]
}

// find returns the row of a topic, or nil.
func (b *topicBook) find(path string) *topicRow {
	if i := len(b.read); i < len(b.order) && b.order[i].path == path {
		return b.order[i]
	}
	return b.rows[path]
}

func (b *topicBook) readOne(s *hub.TopicState, now time.Duration, version uint64) {
	r := b.find(s.Path)
	if r == nil {
		shown := b.table.row(s.Path)
		if shown == nil {
			return
		}
		r = &topicRow{path: s.Path, row: shown, old: countsOf(s), rated: now}
		b.rows[s.Path] = r
		if b.round > 1 {
			b.declared = append(b.declared, s.Path)
		}
		b.describe(s, r, now, version)
	}
	r.round = b.round
	b.read = append(b.read, r)
	r.arrival.add(s.Updates, s.Last)
	if s.Located {
		b.locate(s, r, version)
	}
	if now-r.rated >= describeEvery {
		b.describe(s, r, now, version)
		r.old, r.rated = countsOf(s), now
	}
}

// locate sets the row of the map: the number of the topic and the coordinates.
func (b *topicBook) locate(s *hub.TopicState, r *topicRow, version uint64) {
	if r.place == nil {
		if r.place = b.places.row(s.Path); r.place == nil {
			return
		}
	}
	t := appendFields(b.buffer[:0], 0, float64(r.row.number))
	t = appendFields(t, 3, s.X, s.Y, s.Z)
	b.buffer = t
	b.places.set(r.place, t, version)
}

// describe sets the row of a topic: path, publisher, intent, updates per second, jitter in
// ms, bytes of an update, milliseconds since the latest update, subscribers, conflated in
// percent of what subscribers would have received, whether its publisher is connected, and
// how old the latest update was when the hub passed it on, in ms, if it had a stamp.
func (b *topicBook) describe(s *hub.TopicState, r *topicRow, now time.Duration, version uint64) {
	rate, size, conflated := 0.0, math.NaN(), math.NaN()
	if span := (now - r.rated).Seconds(); span > 0 && s.Updates >= r.old.updates && s.Bytes >= r.old.bytes {
		n := float64(s.Updates - r.old.updates)
		rate = n / span
		if due := n * float64(s.Subscribers); due > 0 && s.Conflated >= r.old.conflated {
			conflated = min(100*float64(s.Conflated-r.old.conflated)/due, 100)
		}
	}
	if s.Updates > 0 {
		size = float64(s.Bytes) / float64(s.Updates)
	}
	idle, age, jitter := math.NaN(), math.NaN(), math.NaN()
	if s.Updates > 0 {
		idle = float64(now-s.Last) / 1e6
	}
	if s.Age.Known {
		age = max(float64(s.Age.Age)/1e6, 0)
	}
	if r.arrival.jitter > 0 {
		jitter = 1000 * r.arrival.jitter
	}
	live := 0.0
	if s.Live {
		live = 1
	}
	t := appendText(b.buffer[:0], s.Path)
	t = appendText(t, s.Publisher)
	t = appendText(t, s.Intent.String())
	t = appendFields(t, 1, rate)
	t = appendFields(t, 2, jitter)
	t = appendFields(t, 0, size)
	t = appendFields(t, 0, idle)
	t = appendFields(t, 0, float64(s.Subscribers))
	t = appendFields(t, 0, conflated, live)
	t = appendFields(t, 2, age)
	b.buffer = t
	b.table.set(r.row, t, version)
}
