package udp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// sharing returns sockets whose shape no other test has, and their shelf.
func sharing(t *testing.T, n, batch int) ([]*Conn, *shelf) {
	var all []*Conn
	for range n {
		all = append(all, listen(t, loopback4, Config{Batch: batch, MaxQueueDelay: -1}))
	}
	s := all[0].sock.(*mmsg).rx.shelf
	require.Equal(t, n, s.users)
	return all, s
}

// next waits for datagrams and returns at most n.
func next(t *testing.T, c *Conn, n int) []wire.Datagram {
	dst := make([]wire.Datagram, n)
	read, err := c.ReadBatch(dst)
	require.NoError(t, err)
	return dst[:read]
}

// finish makes c find its socket empty.
func finish(t *testing.T, c *Conn) {
	n, err := c.Poll(make([]wire.Datagram, 1))
	require.NoError(t, err)
	require.Zero(t, n)
}

// Sockets that wait have no slots, and those that read one after the other share theirs.
func TestSocketsShareSlots(t *testing.T) {
	all, s := sharing(t, 20, 11)
	for range 3 {
		for _, c := range all {
			send(t, c, to(c.LocalAddr(), "x"))
			require.Len(t, next(t, c, 8), 1)
			require.NotNil(t, c.sock.(*mmsg).rx.slots)
			finish(t, c)
			require.Nil(t, c.sock.(*mmsg).rx.slots)
			require.Len(t, s.spare, 1)
		}
	}
}

// Datagrams stay as they are until the next read of their socket, whatever others receive,
// and those of a run that did not fit in dst are returned later.
func TestSharedSlotsKeepData(t *testing.T) {
	all, s := sharing(t, 3, 12)
	requireOffload(t, all[0]) // else the datagrams of a run may come one after the other
	for i, c := range all {
		name := string(rune('a' + i))
		send(t, c, to(c.LocalAddr(), name+"1"), to(c.LocalAddr(), name+"2"), to(c.LocalAddr(), name+"3"))
	}
	for n := range 3 {
		var got []wire.Datagram
		for _, c := range all {
			got = append(got, next(t, c, 1)...)
		}
		require.Len(t, got, 3)
		for i, d := range got {
			require.Equal(t, string(rune('a'+i))+string(rune('1'+n)), string(d.Data))
		}
		require.Empty(t, s.spare, "each has its own")
	}
	for i, c := range all {
		finish(t, c)
		require.Len(t, s.spare, i+1)
	}
}

// There are never more spare slots than open sockets, and none without sockets, even if a
// socket gives its own back after it has closed.
func TestSpareSlotsAreBounded(t *testing.T) {
	all, s := sharing(t, 3, 13)
	for _, c := range all {
		send(t, c, to(c.LocalAddr(), "x"))
		require.Len(t, next(t, c, 8), 1)
	}
	for _, c := range all[:2] {
		finish(t, c)
	}
	require.Len(t, s.spare, 2)
	require.NoError(t, all[0].Close())
	require.NoError(t, all[1].Close())
	require.Len(t, s.spare, 1)
	s.put(all[2].sock.(*mmsg).rx.slots)
	require.Len(t, s.spare, 1, "as many as sockets")
	require.NoError(t, all[2].Close())
	require.Empty(t, s.spare)
	s.put(newSlots(s.shape))
	require.Empty(t, s.spare)
	shelves.Lock()
	defer shelves.Unlock()
	require.NotContains(t, shelves.byShape, s.shape)
}

// A shape has a shelf as long as a socket of that shape is open.
func TestShelvesAreOfOpenSockets(t *testing.T) {
	shape := slotShape{batch: 3, size: 77, room: sizeofReceiveControl}
	has := func() bool {
		shelves.Lock()
		defer shelves.Unlock()
		return shelves.byShape[shape] != nil
	}
	require.False(t, has())
	first, second := joinShelf(shape), joinShelf(shape)
	require.Same(t, first, second)
	first.leave()
	require.True(t, has())
	second.leave()
	require.False(t, has())
}
