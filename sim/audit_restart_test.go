package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
)

// A restart is reported once by each peer that remembers the process before, and the
// audit follows it through restarts of both sides and the end of the memory.
func TestAuditFollowsRestarts(t *testing.T) {
	w := New(1)
	w.Audit()
	a, b := w.node(t, "a"), w.node(t, "b", intentra.Config{ForgetAfter: 10 * time.Second})
	w.connect(t, a, b)
	w.run(t, time.Second)
	require.NoError(t, b.Restart()) // without an event of a that the session has ended
	w.await(t, 10*time.Second, func() bool { return a.Heard(conn.PeerRestarted) == 1 })
	require.Equal(t, 1, b.Heard(conn.PeerUp)-1, "the new process knows no other one")
	last, ok := a.LastEvent(conn.PeerRestarted)
	require.True(t, ok)
	require.EqualValues(t, 2, last.Session)

	a.Close()
	w.run(t, 5*time.Second)
	require.NoError(t, a.Restart())
	require.NoError(t, a.Dial(b.Key()))
	w.await(t, 10*time.Second, func() bool { return b.Heard(conn.PeerRestarted) == 1 })
	last, _ = b.LastEvent(conn.PeerRestarted)
	require.EqualValues(t, 2, last.Session)

	w.run(t, time.Second)
	a.Close()
	w.run(t, time.Minute) // b forgets it
	require.NoError(t, a.Restart())
	require.NoError(t, a.Dial(b.Key()))
	w.await(t, 10*time.Second, func() bool { return b.Connected(a.Key()) })
	require.Equal(t, 1, b.Heard(conn.PeerRestarted))
	last, _ = b.LastEvent(conn.PeerUp)
	require.EqualValues(t, 1, last.Session)
}

// The audit reports a wrong event, and a session that is not reported.
func TestAuditFindsMisreportedRestarts(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(p *process, peer *conn.Peer, r *reported)
		want  string
	}{
		"up instead of restarted": {func(p *process, peer *conn.Peer, r *reported) {
			r.up = false
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerUp, Peer: peer, Session: 2})
		}, "restarted is true, reported is up"},
		"restarted instead of up": {func(p *process, peer *conn.Peer, r *reported) {
			r.up, r.with = false, p.n.w.audit.instances[peer.Instance()]
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerRestarted, Peer: peer, Session: 2})
		}, "restarted is false, reported is restarted"},
		"up twice": {func(p *process, peer *conn.Peer, r *reported) {
			r.with = p.n.w.audit.instances[peer.Instance()]
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerUp, Peer: peer, Session: 2})
		}, "it is up already"},
		"a number left out": {func(p *process, peer *conn.Peer, r *reported) {
			r.up = false
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerRestarted, Peer: peer, Session: 3})
		}, "session 3 follows session 1"},
		"a number again": {func(p *process, peer *conn.Peer, r *reported) {
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerRestarted, Peer: peer, Session: 1})
		}, "session 1 follows session 1"},
		"an end without a session": {func(p *process, peer *conn.Peer, r *reported) {
			r.up = false
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerDown, Peer: peer, Session: 1})
		}, "session 1 has ended"},
		"an unknown instance": {func(p *process, peer *conn.Peer, r *reported) {
			r.up = false
			delete(p.n.w.audit.instances, peer.Instance())
			p.audit.restarts.happened(p, conn.Event{Kind: conn.PeerRestarted, Peer: peer, Session: 2})
		}, "none of its processes"},
		"not reported": {func(p *process, _ *conn.Peer, _ *reported) { p.audit.restarts.handshakes = 0 }, "has not reported"},
		"not counted": {func(p *process, _ *conn.Peer, r *reported) {
			p.audit.restarts.forgotten = 1
			p.audit.restarts.handshakes = 0
			r.with = p.n.w.audit.instances[p.ep.Peer(p.n.w.Named("b").key).Instance()]
		}, "has completed 1 handshakes and numbered 2 sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := audited(t, intentra.Config{})
			peer := a.proc.ep.Peer(b.Key())
			r := a.proc.audit.restarts.peers[0]
			r.with = a.proc // as if the session before had been with another process
			tc.spoil(a.proc, peer, r)
			numbered(a, b, intentra.Realtime, 1)
			err := a.w.Run(time.Second)
			require.ErrorIs(t, err, ErrRestart)
			require.ErrorContains(t, err, tc.want)
		})
	}
}
