package hub

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
)

// The remotes are a map from channels.
func TestRemotes(t *testing.T) {
	rnd := seed.Rand(t)
	var r remotes
	want := map[uint32]*remote{}
	for range 3000 {
		channel := rnd.Uint32N(2 * nearRemotes)
		if rnd.IntN(4) == 0 {
			channel = rnd.Uint32()
		}
		switch rnd.IntN(40) {
		case 0:
			r.clear()
			clear(want)
		case 1, 2, 3, 4, 5, 6, 7, 8:
			r.remove(channel)
			delete(want, channel)
		default:
			want[channel] = new(remote)
			r.set(channel, want[channel])
		}
		if to, _ := r.get(channel); want[channel] == nil {
			require.Nil(t, to)
		} else {
			require.Same(t, want[channel], to)
		}
		require.LessOrEqual(t, len(r.near), nearRemotes)
	}
	require.Equal(t, want, maps.Collect(r.all()))
}

// A note names the stream of a topic that has a single one, with a Handler, also when there
// are more such streams than a note can name; refresh keeps whether the topic is live.
func TestRemoteNotes(t *testing.T) {
	handler := func() *Stream { return &Stream{sub: Subscription{Handler: func(Update) {}}} }
	var r remotes
	topics := make([]*remote, maxHandlers+10)
	for i := range topics {
		topics[i] = &remote{streams: []*Stream{handler()}}
		r.set(uint32(i*nearRemotes/100), topics[i]) // near and far
	}
	named := func() (count int) {
		for i, to := range topics {
			got, n := r.get(uint32(i * nearRemotes / 100))
			require.Same(t, to, got)
			if only := r.handler(*n); only != nil {
				require.Same(t, to.streams[0], only)
				count++
			}
		}
		return count
	}
	require.Equal(t, maxHandlers, named())
	shared := handler()
	for i, to := range topics {
		_, n := r.get(uint32(i * nearRemotes / 100))
		*n |= noteLive
		to.streams = []*Stream{shared}
	}
	topics[0].streams = append(topics[0].streams, handler())
	topics[1].streams = []*Stream{{}}
	topics[2].streams = nil
	r.refresh()
	require.Equal(t, len(topics)-3, named())
	require.Len(t, r.handlers, 1)
	for i := range topics {
		_, n := r.get(uint32(i * nearRemotes / 100))
		require.Equal(t, noteLive, *n&noteLive)
	}
	r.set(0, topics[3])
	_, n := r.get(0)
	require.Zero(t, *n&noteLive, "another topic")
}
