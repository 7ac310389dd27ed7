package node

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

// These tests are about what a store answers that is late, behind or failing.

// entry is an entry of a store.
type entry struct {
	jetstream.KeyValueEntry
	operation jetstream.KeyValueOp
	revision  uint64
	value     string
}

func (e entry) Operation() jetstream.KeyValueOp { return e.operation }
func (e entry) Revision() uint64                { return e.revision }
func (e entry) Value() []byte                   { return []byte(e.value) }

// aloneLists returns the lists of a node without a store, with a copy in a file.
func aloneLists(t *testing.T) (*lists, *lockedBuffer) {
	cfg, log := loneConfig(t)
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	return &lists{n: n, file: filepath.Join(t.TempDir(), "access"), wake: make(chan struct{}, 1)}, log
}

// TestOlderLists: entries of the access list count in the order of their revisions, and its removal
// from the store changes nothing.
func TestOlderLists(t *testing.T) {
	l, _ := aloneLists(t)
	f := follower{lists: l}
	requireList := func(text string, revision uint64) {
		t.Helper()
		copied, err := os.ReadFile(l.file)
		require.NoError(t, err)
		require.Equal(t, text, string(copied))
		require.Equal(t, revision, l.n.access.Load())
	}
	f.entry(entry{revision: 7, value: "# seventh\n"})
	requireList("# seventh\n", 7)
	f.entry(entry{revision: 6, value: "# sixth\n"})
	requireList("# seventh\n", 7)
	f.entry(entry{revision: 8, operation: jetstream.KeyValueDelete})
	requireList("# seventh\n", 7)
	f.entry(entry{revision: 9, value: "# ninth\n"})
	requireList("# ninth\n", 9)
}

// TestMalformedList: a list in the store that cannot be read, or holds a private key, is reported and
// changes nothing: the list before it stays in force, and its copy on disk.
func TestMalformedList(t *testing.T) {
	l, log := aloneLists(t)
	secret := intentra.PublicKey(l.n.cfg.Hub.Transport.Key).String() // its own private key
	l.take([]byte("# good\n"), 3)
	for i, text := range []string{"no key\n", strings.Repeat("\x00", 100), secret + " robot\n"} {
		require.Nil(t, l.accept([]byte(text), uint64(4+i)))
		require.Equal(t, i+1, strings.Count(log.String(), "is ignored"))
		require.EqualValues(t, 3, l.n.access.Load())
		copied, err := os.ReadFile(l.file)
		require.NoError(t, err)
		require.Equal(t, "# good\n", string(copied))
	}
	require.NotContains(t, log.String(), secret)
	l.take([]byte("# better\n"), 7)
	require.EqualValues(t, 7, l.n.access.Load())
}

// behind is a bucket whose entries come from a server that has not caught up.
type behind struct {
	jetstream.KeyValue
	entry entry
	err   error
}

func (b *behind) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	return b.entry, b.err
}

// TestServerThatIsBehind: an entry that is older than what the leader has is not taken for its
// newest one, and a list that was removed does not exist.
func TestServerThatIsBehind(t *testing.T) {
	t.Parallel()
	addr := loopback.Address().String()
	startServer(t, addr, t.TempDir(), "", nil)
	cfg, _ := loneConfig(t)
	cfg.NATS = "nats://" + addr
	n, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	revokeAll(t, addr)
	kv, err := n.lists.bucket(t.Context(), n.lists.access, 0)
	require.NoError(t, err)
	last, err := kv.PutString(t.Context(), accessKey, "# newer\n")
	require.NoError(t, err)
	b := &behind{KeyValue: kv, entry: entry{revision: last - 1}}
	_, err = n.lists.current(t.Context(), b, 0)
	require.ErrorIs(t, err, errBehind)
	b.entry.revision = last
	e, err := n.lists.current(t.Context(), b, 0)
	require.NoError(t, err)
	require.Equal(t, last, e.Revision())
	e, err = n.lists.current(t.Context(), b, last)
	require.NoError(t, err)
	require.Nil(t, e, "it is not newer")
	b.err = jetstream.ErrKeyNotFound
	e, err = n.lists.current(t.Context(), b, 0)
	require.NoError(t, err)
	require.Nil(t, e)
}

// oneBucket is a store whose buckets are one.
type oneBucket struct {
	jetstream.JetStream
	bucket jetstream.KeyValue
}

func (s oneBucket) KeyValue(context.Context, string) (jetstream.KeyValue, error) {
	return s.bucket, nil
}

// failing is a bucket in which one attempt to enter a value fails.
type failing struct {
	jetstream.KeyValue
	fail     int // the number of the attempt
	attempts chan string
	meantime func()
}

func (s *failing) PutString(ctx context.Context, key, value string) (uint64, error) {
	select {
	case s.attempts <- key + " " + value:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if s.fail--; s.fail == 0 {
		s.meantime()
		return 0, errors.New("the store has no leader")
	}
	return 100, nil
}

// TestClaimThatFails: a claim that cannot be entered is tried again, before those that were
// queued during the attempt, and those that were entered before it are not.
func TestClaimThatFails(t *testing.T) {
	t.Parallel()
	l, _ := aloneLists(t)
	claims := make(map[byte][]member.Claim)
	var want [4]string
	l.n.mu.Lock()
	l.n.hub.Remote(func(r *hub.Remote) {
		l.n.member.Begin(r, time.Since(l.n.start))
		for k := range byte(4) {
			key := intentra.PublicKey{k + 1}
			l.n.member.LocalPublisher(hub.Publisher{Key: key, Connected: true})
			claims[k] = l.n.member.Claims()
			want[k] = hex.EncodeToString(key[:]) + " 1"
		}
		l.n.member.End()
	})
	l.n.mu.Unlock()
	queue := func(k byte) {
		l.n.mu.Lock()
		l.claim(claims[k])
		l.n.mu.Unlock()
	}
	s := &failing{fail: 2, attempts: make(chan string), meantime: func() { queue(3) }}
	l.js = oneBucket{bucket: s}
	for k := range byte(3) {
		queue(k)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.enter(ctx)
	}()
	for _, k := range []byte{0, 1, 1, 2, 3} {
		require.Equal(t, want[k], <-s.attempts)
	}
	cancel()
	<-ended
}
