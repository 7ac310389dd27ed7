package sendq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// While the loop has not taken maxDecided decisions, messages with a token are refused or
// wait, and others are not.
func TestDecisionsAtTheCap(t *testing.T) {
	q := online(roomy)
	marked := func(token uint64) *Message {
		return &Message{Channel: 1, Intent: pipeline.Latest, Token: token, Sent: 1}
	}
	for i := range uint64(maxDecided + 1) { // each supersedes the one before
		o, _ := q.Push(marked(i + 1))
		require.True(t, o == Queued || o == Replaced)
	}
	o, _ := q.Push(marked(maxDecided + 2))
	require.Equal(t, Full, o)
	_, _, room := q.PushWait(marked(maxDecided + 2))
	require.NotNil(t, room)
	plain := &Message{Channel: 2, Intent: pipeline.Latest}
	o, _ = q.Push(plain)
	require.Equal(t, Queued, o)

	require.True(t, q.News())
	decided, _ := q.Attend(nil)
	require.Len(t, decided, maxDecided)
	for i, d := range decided {
		require.EqualValues(t, i+1, d.Token)
		require.Equal(t, Superseded, d.Fate)
	}
	<-room
	o, _ = q.Push(marked(maxDecided + 2))
	require.Equal(t, Replaced, o)
	f, waiting := q.Flow()
	require.EqualValues(t, maxDecided+1, f.Superseded)
	require.Equal(t, 2, waiting)
}
