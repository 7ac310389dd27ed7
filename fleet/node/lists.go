package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/intentra/intentra/fleet/internal/accesslist"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	listsRetry   = time.Second
	listsTimeout = 5 * time.Second
	listsCheck   = 2 * time.Second // how often the store is asked whether it is there
	accessKey    = "access"
	claimTTL     = 24 * time.Hour
	manyClaims   = 1 << 16 // that wait, from which on those of ended sessions are removed
)

// lists is the fleet's part in the key-value store of JetStream: the access list, and the
// claims that order the sessions of one key. Everything else works without it.
type lists struct {
	n      *Node
	js     jetstream.JetStream
	access string // names of buckets
	claims string
	file   string
	wake   chan struct{}
	todo   []member.Claim // guarded by n.mu
	taken  []byte         // the list from NATS; the watcher's own

	accessReach, claimsReach reach
	copied                   copyAge
}

func newLists(n *Node, conn *nats.Conn) (*lists, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("node: JetStream: %w", err)
	}
	l := &lists{
		n: n, js: js, access: "intentra-access-" + n.cfg.Fleet, claims: "intentra-claims-" + n.cfg.Fleet,
		file: n.cfg.AccessFile, wake: make(chan struct{}, 1),
		accessReach: reach{patience: reachPatience}, claimsReach: reach{patience: reachPatience},
	}
	l.accessReach.fail(0, "no answer yet")
	l.copied.begin(l.file)
	return l, nil
}

func (l *lists) bucket(ctx context.Context, name string, ttl time.Duration) (jetstream.KeyValue, error) {
	bounded, cancel := context.WithTimeout(ctx, listsTimeout)
	defer cancel()
	kv, err := l.js.KeyValue(bounded, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = l.js.CreateKeyValue(bounded, jetstream.KeyValueConfig{
			Bucket: name, History: 1, TTL: ttl, Replicas: max(l.n.cfg.Replicas, 1), MaxValueSize: 1 << 20,
		})
	}
	return kv, err
}

// watch follows the access list until ctx ends.
func (l *lists) watch(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := l.watchOnce(ctx); err != nil && ctx.Err() == nil {
			l.note(&l.accessReach, began, err)
		}
		sleep(ctx, listsRetry)
	}
}

func (l *lists) watchOnce(ctx context.Context) error {
	kv, err := l.bucket(ctx, l.access, 0)
	if err != nil {
		return err
	}
	w, err := kv.Watch(ctx, accessKey)
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }() // the watcher ends with ctx or the connection
	l.note(&l.accessReach, time.Now(), nil)
	l.n.log.Info("watching the access list of the fleet")
	check := time.NewTicker(listsCheck)
	defer check.Stop()
	f := follower{lists: l}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-check.C: // a watcher does not say that the store is away
			if e := l.check(ctx, kv); e != nil {
				f.entry(e)
			}
		case e, ok := <-w.Updates():
			if !ok {
				return errors.New("the watcher has ended")
			}
			if e != nil {
				f.entry(e)
			}
		}
	}
}

// follower takes the entries of the access list that one watcher brings, and those that check
// brings. Each may overtake the other.
type follower struct {
	*lists
	newest uint64
}

// entry takes an entry unless a newer one has been taken. A deleted list stays in force: an
// empty one says that no peer may connect.
func (f *follower) entry(e jetstream.KeyValueEntry) {
	if e.Operation() == jetstream.KeyValuePut && e.Revision() >= f.newest {
		f.newest = e.Revision()
		f.take(e.Value(), f.newest)
	}
}

// check asks the leader of the bucket of the access list whether it is there. It returns the
// list if the store has a newer one than this hub: a watcher on a server that has failed is
// silent for many seconds before it is replaced.
func (l *lists) check(ctx context.Context, kv jetstream.KeyValue) jetstream.KeyValueEntry {
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, listsTimeout)
	defer cancel()
	newer, err := l.current(bounded, kv, l.n.access.Load())
	if ctx.Err() == nil {
		l.note(&l.accessReach, began, err)
	}
	if err == nil {
		l.copied.confirm(time.Now())
	}
	return newer
}

// current returns the list that the leader of its bucket has, if it is newer than a revision,
// else nil.
func (l *lists) current(ctx context.Context, kv jetstream.KeyValue, than uint64) (jetstream.KeyValueEntry, error) {
	status, err := kv.Status(ctx)
	if err != nil {
		return nil, err
	}
	bucket, ok := status.(*jetstream.KeyValueBucketStatus)
	if !ok {
		return nil, fmt.Errorf("node: the status of a bucket is a %T", status)
	}
	last, err := led(bucket.StreamInfo())
	if err != nil || last <= than {
		return nil, err
	}
	e, err := kv.Get(ctx, accessKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case e.Revision() < last:
		return nil, errBehind
	}
	return e, nil
}

// errNoLeader is returned for a bucket of which too few servers are running. They go on
// answering questions about it, and the watcher goes on waiting.
var errNoLeader = errors.New("the store has no leader: fewer than a majority of its servers are running, or they do not reach each other")

// errBehind is returned if a server has answered that has not caught up with the leader.
var errBehind = errors.New("the store is catching up")

// led returns the latest revision in a bucket, or errNoLeader if the bucket is on several
// servers and none of them is its leader.
func led(s *jetstream.StreamInfo) (last uint64, err error) {
	if c := s.Cluster; c != nil && len(c.Replicas) > 0 && c.Leader == "" {
		return 0, errNoLeader
	}
	return s.State.LastSeq, nil
}

// take replaces the hub's access list and its copy on disk.
func (l *lists) take(text []byte, revision uint64) {
	if revision == l.n.access.Load() && bytes.Equal(text, l.taken) {
		return // again, after a new start of the watcher: SetAccess may have replaced it here since
	}
	if a := l.accept(text, revision); a != nil {
		l.n.hub.SetAccess(a)
		l.n.warnAccess(a)
	}
}

// accept parses a list from the store and copies it to disk. It returns nil for a malformed
// one.
func (l *lists) accept(text []byte, revision uint64) *hub.Access {
	a, err := accesslist.Parse(string(text), l.n.cfg.Hub.Transport.Key)
	if err != nil {
		l.n.log.Error("the access list in NATS is malformed and is ignored", "err", err, "revision", revision)
		return nil
	}
	l.taken = bytes.Clone(text)
	l.n.access.Store(revision)
	l.n.log.Info("access list from NATS", "keys", len(a.Keys()), "revision", revision)
	if l.file != "" {
		if err := replaceFile(l.file, text); err != nil {
			l.n.log.Error("the copy of the access list cannot be written", "err", err)
		}
	}
	return a
}

// warnAccess warns of what is hardly meant in an access list.
func (n *Node) warnAccess(a *hub.Access) {
	for _, w := range accesslist.Warnings(a, time.Now()) {
		n.log.Warn("access list: " + w)
	}
}

// SetAccess makes text, in the format of [hub.ParseAccess], the access list of the fleet. This
// hub applies it at once, whether or not NATS can be reached, so that what it revokes is
// revoked here. All hubs that reach NATS apply it when it is stored, and replace their
// copies. If it cannot be stored, because the key-value store has no leader, the error says that
// other hubs still have the old list; this one keeps the new one until another list is
// stored or it starts again, so call SetAccess again. A list that is malformed or
// contains a private key changes nothing. Without JetStream only this hub has the list.
func (n *Node) SetAccess(ctx context.Context, text string) error {
	if ctx == nil {
		return errors.New("node: the context is nil")
	}
	a, err := accesslist.Parse(text, n.cfg.Hub.Transport.Key)
	if err != nil {
		return err
	}
	n.hub.SetAccess(a)
	if n.lists == nil {
		n.log.Info("access list of this hub", "keys", len(a.Keys()))
		n.warnAccess(a)
		return nil
	}
	kv, err := n.lists.bucket(ctx, n.lists.access, 0)
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, listsTimeout)
		defer cancel()
		_, err = kv.PutString(bounded, accessKey, text)
	}
	if err != nil {
		n.warnAccess(a)
		return fmt.Errorf("node: storing the access list: this hub applies it, but other hubs still have the old list; try again when the store can be reached: %w", err)
	}
	return nil
}

// claim queues claims of sessions. It is called with n.mu locked. Without NATS, they wait for as
// long as their sessions last: otherwise two sessions of one key could both stay for good.
func (l *lists) claim(c []member.Claim) {
	if len(c) == 0 {
		return
	}
	if len(l.todo)+len(c) > manyClaims {
		l.todo = slices.DeleteFunc(l.todo, func(c member.Claim) bool { return !l.n.member.Current(c) })
	}
	l.todo = append(l.todo, c...)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// enter enters claims in the key-value store until ctx ends.
func (l *lists) enter(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for ctx.Err() == nil {
			l.n.mu.Lock()
			todo := l.todo
			l.todo = nil
			l.n.mu.Unlock()
			if len(todo) == 0 {
				break
			}
			began := time.Now()
			rest, err := l.enterAll(ctx, todo)
			if ctx.Err() == nil {
				l.note(&l.claimsReach, began, err)
			}
			if len(rest) > 0 {
				l.n.mu.Lock()
				l.todo = append(rest, l.todo...)
				l.n.mu.Unlock()
				sleep(ctx, listsRetry)
			}
		}
	}
}

// enterAll enters claims and returns those that failed. A session that has ended since is
// not entered, so that it does not replace one that began later elsewhere.
func (l *lists) enterAll(ctx context.Context, todo []member.Claim) (rest []member.Claim, err error) {
	kv, err := l.bucket(ctx, l.claims, claimTTL)
	if err != nil {
		return todo, err
	}
	for i, c := range todo {
		if !l.n.claims(c) {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, listsTimeout)
		revision, err := kv.PutString(bounded, hex.EncodeToString(c.Key[:]), strconv.FormatUint(c.Generation, 10))
		cancel()
		if err != nil {
			return todo[i:], err
		}
		l.n.claimed(c, revision)
	}
	return nil, nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
