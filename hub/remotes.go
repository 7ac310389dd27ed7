package hub

import (
	"iter"
	"maps"
	"slices"
)

// remote is a topic that the hub has announced.
type remote struct {
	publisher Publisher
	desc      Topic
	path      string
	streams   []*Stream // never changed in place
}

// nearRemotes is how many channels have their place in an array. A hub gives out small
// numbers first.
const nearRemotes = 1024

// remotes are the topics that a client knows, by the hub's channel. For an update the client
// reads nine bytes here, of arrays without gaps, and nothing of the remote: where many
// clients or topics share a processor, its caches do not hold much more of each.
type remotes struct {
	near  []*remote // by channel; nil: none
	notes []note    // of the same channels
	far   map[uint32]*farRemote
	// handlers are the streams that notes name. Those that are no longer in use stay until
	// the next refresh.
	handlers []*Stream
	known    int // topics
}

// farRemote is a remote whose channel is nearRemotes or more.
type farRemote struct {
	remote *remote
	note   note
}

// note is what a client reads of a topic for each update. Its lowest bit says that an update
// has come that is not from the cache. The others are one more than an index in
// remotes.handlers, if the topic has only that stream, or zero.
type note uint8

const noteLive note = 1

const maxHandlers = 127 // that fit a note

// get returns a topic and its note, or nil.
func (r *remotes) get(channel uint32) (*remote, *note) {
	if channel < uint32(len(r.near)) {
		return r.near[channel], &r.notes[channel]
	}
	if f := r.far[channel]; f != nil {
		return f.remote, &f.note
	}
	return nil, nil
}

// handler returns the only stream of a topic, if it has a Handler.
func (r *remotes) handler(n note) *Stream {
	if i := int(n >> 1); i > 0 {
		return r.handlers[i-1]
	}
	return nil
}

func (r *remotes) set(channel uint32, to *remote) {
	n := r.noteOf(to)
	if before, _ := r.get(channel); before == nil {
		r.known++
	}
	if channel >= nearRemotes {
		if r.far == nil {
			r.far = make(map[uint32]*farRemote)
		}
		r.far[channel] = &farRemote{to, n}
		return
	}
	if missing := int(channel) + 1 - len(r.near); missing > 0 {
		r.near = append(r.near, make([]*remote, missing)...)
		r.notes = append(r.notes, make([]note, missing)...)
	}
	r.near[channel], r.notes[channel] = to, n
}

func (r *remotes) remove(channel uint32) {
	if before, _ := r.get(channel); before != nil {
		r.known--
	}
	if channel < uint32(len(r.near)) {
		r.near[channel], r.notes[channel] = nil, 0
	}
	delete(r.far, channel)
}

func (r *remotes) clear() {
	clear(r.near)
	clear(r.notes)
	clear(r.far)
	r.known = 0
}

// all returns the topics in the order of their channels.
func (r *remotes) all() iter.Seq2[uint32, *remote] {
	return func(yield func(uint32, *remote) bool) {
		for channel, to := range r.near {
			if to != nil && !yield(uint32(channel), to) {
				return
			}
		}
		for _, channel := range slices.Sorted(maps.Keys(r.far)) {
			if !yield(channel, r.far[channel].remote) {
				return
			}
		}
	}
}

// refresh is called after the streams of topics have changed.
func (r *remotes) refresh() {
	clear(r.handlers)
	r.handlers = r.handlers[:0]
	for channel, to := range r.near {
		if to != nil {
			r.notes[channel] = r.notes[channel]&noteLive | r.noteOf(to)
		}
	}
	for _, f := range r.far {
		f.note = f.note&noteLive | r.noteOf(f.remote)
	}
}

// noteOf returns the note of a topic of which no update has come.
func (r *remotes) noteOf(to *remote) note {
	if len(to.streams) != 1 || to.streams[0].sub.Handler == nil {
		return 0
	}
	i := slices.Index(r.handlers, to.streams[0])
	if i < 0 {
		if i = len(r.handlers); i == maxHandlers {
			return 0
		}
		r.handlers = append(r.handlers, to.streams[0])
	}
	return note(i+1) << 1
}
