package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// The cipher keys of a handshake or a rekey are overwritten as soon as the
// ciphers have been made of them.
func TestKeysAreOverwrittenOnceInstalled(t *testing.T) {
	for _, suite := range []wire.Suite{wire.AESGCM, wire.ChaChaPoly} {
		w := newNetwork(t, 1)
		change := func(c *Config) { c.RekeyAfterPackets, c.Suite = 32, suite }
		a, b := w.node(change), w.node(change)
		var all []*noise.Keys
		for _, n := range w.nodes {
			n.onJob = func(j *Job) {
				if j.keys != nil {
					all = append(all, j.keys)
				}
			}
		}
		a.dial(b)
		w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
		require.Len(t, all, 2)
		for range 200 {
			a.push(b, 1, pipeline.Realtime, "x")
			w.run(10 * time.Millisecond)
		}
		require.Greater(t, a.ep.stats.Rekeys, uint64(1))
		require.GreaterOrEqual(t, len(all), 2+2*int(a.ep.stats.Rekeys))
		for _, k := range all {
			require.Zero(t, k.Send)
			require.Zero(t, k.Receive)
			require.NotZero(t, k.Hash, "these are the keys of a handshake")
		}
	}
}

// The machines of a rekey that comes to nothing are overwritten, also while a
// job has them.
func TestAbandonedRekeyIsOverwritten(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w := newNetwork(t, 2)
		a, b := w.pair()
		w.run(2 * time.Second)
		if busy {
			a.jobDelay = time.Minute
		}
		a.session(b).current.messages = 1
		a.session(b).current.softAt = w.now
		w.link.cut = true
		a.ep.maybeRekey(a.session(b), w.now)
		var machine *noise.Initiator
		a.onJob = func(j *Job) { machine = j.initiator }
		a.turn()
		x := a.session(b).rekey.exchange
		require.NotNil(t, x)
		a.ep.ClosePeer(a.peer(b), wire.CloseNormal, w.now)
		w.run(2 * time.Minute)
		require.NotNil(t, machine)
		require.Zero(t, *machine, "busy: %v", busy)
		if x.initiator != nil {
			require.Same(t, machine, x.initiator)
		}
	}
}

// When an epoch has closed, the stages have nothing of its keys any more: not
// even what was sealed under them opens.
func TestClosedEpochHasNoKeys(t *testing.T) {
	w := newNetwork(t, 3)
	seen := w.record()
	a, b := w.pair()
	ids := map[*node]pipeline.ID{a: a.session(b).current.id, b: b.session(a).current.id}
	push := func() {
		a.push(b, 1, pipeline.Realtime, "x")
		w.run(10 * time.Millisecond)
	}
	push()
	sealed := seen.of(wire.TypeData)
	require.NotEmpty(t, sealed)
	requireKeys := func(want bool) {
		t.Helper()
		for n, id := range ids {
			p := new(pipeline.Packet)
			p.Reset(append(make([]byte, 0, 64), make([]byte, wire.HeaderSize)...), n.addr, w.now)
			p.Epoch, p.Counter = id, ^uint64(0) // which is refused where there is a key
			require.Equal(t, want, n.ep.set.Seal.Process(p) == aead.DropReused)
			require.Equal(t, !want, n.ep.set.Seal.Process(p) == aead.DropSealNoKey)
			for _, d := range sealed {
				if h, _ := wire.ParseHeader(d.data); d.to == n.addr && pipeline.ID(h.Receiver) == id {
					p.Reset(append([]byte(nil), d.data...), d.from, w.now)
					p.Epoch, p.Counter = id, h.Counter
					require.Equal(t, want, n.ep.set.Open.Process(p) == pipeline.Accept)
					require.Equal(t, !want, n.ep.set.Open.Process(p) == aead.DropNoKey)
				}
			}
		}
	}
	requireKeys(true)

	// A rekey makes it the previous one, which goes after 10 s.
	a.session(b).current.softAt = w.now
	a.ep.touch(a.session(b))
	push()
	w.await(time.Second, func() bool { return a.ep.stats.Rekeys == 1 && b.ep.stats.Rekeys == 1 })
	requireKeys(true)
	w.await(20*time.Second, func() bool {
		push()
		return a.session(b).previous == nil && b.session(a).previous == nil
	})
	requireKeys(false)

	// The one after goes with its session.
	ids = map[*node]pipeline.ID{a: a.session(b).current.id, b: b.session(a).current.id}
	push()
	sealed = seen.of(wire.TypeData)
	requireKeys(true)
	a.ep.ClosePeer(a.peer(b), wire.CloseNormal, w.now)
	a.turn()
	w.run(time.Second)
	require.Zero(t, a.ep.stats.Sessions+b.ep.stats.Sessions)
	requireKeys(false)
}

// So are the machines, and the keys, of handshakes that come to nothing: nobody
// answers, the key is not allowed, another has taken the place.
func TestFailedHandshakesAreOverwritten(t *testing.T) {
	w := newNetwork(t, 4)
	b := w.node()
	b.ep.cfg.Authorize = func([KeySize]byte) bool { return false }
	a, lonely := w.node(), w.node()
	var jobs []*Job
	for _, n := range w.nodes {
		n.onJob = func(j *Job) { jobs = append(jobs, j) }
	}
	f := &flooder{b: b}
	f.begin(v4(1, 1)) // times out
	a.dial(b)         // is refused
	nobody := &node{addr: netAddrOf(203, 9), key: [KeySize]byte{9}}
	lonely.dial(nobody)
	w.run(20 * time.Second)
	require.NotZero(t, b.handshakes(HandshakeTimedOut))
	require.NotZero(t, b.handshakes(HandshakeRefused))
	require.NotZero(t, lonely.count(DialEnded))
	machines := 0
	for _, j := range jobs {
		if j.initiator != nil {
			require.Zero(t, *j.initiator)
			machines++
		}
		if j.responder != nil {
			require.Zero(t, *j.responder)
			machines++
		}
		if j.keys != nil {
			require.Zero(t, j.keys.Send)
			require.Zero(t, j.keys.Receive)
		}
	}
	require.GreaterOrEqual(t, machines, 4)
}

// Close leaves nothing of handshakes under way, whether they wait for a packet,
// for the worker, or for a job that is out.
func TestCloseOverwritesHandshakes(t *testing.T) {
	w := newNetwork(t, 5)
	b := w.node()
	f := &flooder{b: b}
	f.begin(v4(1, 1)) // waits for message 3
	half := b.ep.halves.victim(0)
	require.NotNil(t, half.machine)
	machines := []*noise.Responder{half.machine}

	b.jobDelay = time.Second
	f.begin(v4(2, 1)) // its job is out
	var out *Job
	b.onRun = func(j *Job) { out = j }

	// Their jobs have not been taken yet.
	init := f.init()
	f.prove(v4(3, 1), init)
	b.ep.HandleDatagram(init, v4(3, 1), w.now)
	final := wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(half.index)})
	b.ep.HandleDatagram(append(final, make([]byte, wire.FinalSize-wire.HeaderSize)...), v4(1, 1), w.now)
	b.book[[KeySize]byte{9}] = v4(9, 9)
	_, err := b.ep.Dial([KeySize]byte{9}, w.now)
	require.NoError(t, err)
	b.takeEvents()
	waiting := append([]*Job(nil), b.ep.jobs...)
	require.Len(t, waiting, 3)
	require.True(t, half.busy)
	drawn := 0
	for _, j := range waiting {
		if j.ephemeral != ([KeySize]byte{}) {
			drawn++
		}
	}
	require.Equal(t, 2, drawn)

	for b.ep.Close(wire.CloseShutdown, w.now) {
	}
	require.Zero(t, b.ep.halves.len())
	require.Empty(t, b.ep.jobs)
	for _, j := range waiting {
		require.Zero(t, j.ephemeral)
	}
	require.Zero(t, *machines[0])
	w.run(2 * time.Second)
	require.NotNil(t, out.responder)
	require.Zero(t, *out.responder)
	require.Zero(t, out.ephemeral)
	require.Zero(t, b.ep.halves.orphans)
	w.closeAll()
}
