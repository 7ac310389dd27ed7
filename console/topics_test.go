package console

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// The log says which topics come and go while a page is open, many of them in one event.
func TestTopicsAreLogged(t *testing.T) {
	h, err := hub.New(hub.Config{Access: hub.AllowAny()})
	require.NoError(t, err)
	k := intentra.PublicKey{7}
	name := ""
	change := func(f func(r *hub.Remote)) { h.Remote(f) }
	change(func(r *hub.Remote) {
		r.Connect(k, 0)
		require.True(t, r.Declare(k, hub.Topic{Name: "early", Intent: intentra.Latest}))
	})
	name = h.Publishers()[0].Name
	b, log := newTopicBook(h), &Events{}
	version := uint64(0)
	next := func() (lines []string) {
		seen := log.next
		for range window {
			require.Equal(t, seen, log.next, "once a second")
			version++
			b.next(version, log)
		}
		list, _ := log.since(seen)
		for _, e := range list {
			lines = append(lines, e.Kind+" "+e.Text)
		}
		return lines
	}
	require.Empty(t, next(), "topics that were there before the page")
	require.Empty(t, next())
	change(func(r *hub.Remote) {
		for i := range 5 {
			require.True(t, r.Declare(k, hub.Topic{Name: fmt.Sprint(i), Intent: intentra.Latest}))
		}
	})
	require.Equal(t, []string{fmt.Sprintf("topic 5 topics: %[1]s/0, %[1]s/1, %[1]s/2, ...", name)}, next())
	change(func(r *hub.Remote) {
		r.Retract(k, "early")
		r.Retract(k, "3")
		r.Declare(k, hub.Topic{Name: "late", Intent: intentra.Latest})
	})
	require.Equal(t, []string{fmt.Sprintf("topic %s/late", name), fmt.Sprintf("end %[1]s/3, %[1]s/early", name)}, next())
	require.Empty(t, next())
}
