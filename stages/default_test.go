package stages_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/stages/ratelimit"
	"github.com/intentra/intentra/stages/replay"
)

func TestDefaultOrder(t *testing.T) {
	r := newRig(t, nil)
	require.Equal(t, []string{"cookie", "ratelimit", "header", "aead", "replay", "ack", "dispatch"}, names(r.In))
	require.Equal(t, []string{"pack", "ack", "seal"}, names(r.Out))
	require.False(t, r.Out.HasMessageStages())
	require.Zero(t, r.Out.MaxGrowth())
}

func names(c pipeline.Chain) (list []string) {
	for _, s := range c.Stages() {
		list = append(list, s.Name())
	}
	return list
}

func newSet(t testing.TB) *stages.Set {
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
	s, err := stages.Default(cfg)
	require.NoError(t, err)
	return s
}

func TestDefaultReturnsConfigurationErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*stages.Config)
		want   error
	}{
		"cookie":    {func(c *stages.Config) { c.Cookie.Rand = nil }, cookie.ErrRand},
		"ratelimit": {func(c *stages.Config) { c.RateLimit.TableSize = 3 }, ratelimit.ErrTableSize},
		"replay":    {func(c *stages.Config) { c.Replay.Bits = 3 }, replay.ErrBits},
	} {
		cfg := stages.Config{}
		cfg.Cookie.Rand = rand.NewChaCha8([32]byte{1})
		c.change(&cfg)
		s, err := stages.Default(cfg)
		require.ErrorIs(t, err, c.want, name)
		require.Nil(t, s, name)
	}
}

var geofence = pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
	if bytes.HasPrefix(p.Payload(), []byte("far")) {
		return pipeline.DropFirst
	}
	return pipeline.Accept
})

// A user's stage after ack sees single messages and nothing else.
func TestUserStageAfterAckSeesSingleMessages(t *testing.T) {
	r := newRig(t, func(s *stages.Set) { s.InsertAfter("ack", geofence) })
	r.begin(links[0], 0)
	for i, payload := range []string{"near", "far away", "nearer"} {
		r.Add(uint32(i), pipeline.Latest, []byte(payload))
	}
	require.Equal(t, pipeline.Accept, r.receive(r.seal()))
	require.Equal(t, []string{"near", "nearer"}, r.delivered)
	require.Equal(t, map[string]uint64{"geofence/outside": 1}, r.drops())
}

func TestStageThatReadsPlaintextMustFollowAEAD(t *testing.T) {
	for _, anchor := range []string{"cookie", "ratelimit", "header", "aead"} {
		_, err := newSet(t).InsertBefore(anchor, geofence).Build()
		require.ErrorIs(t, err, pipeline.ErrOrder)
		require.ErrorContains(t, err, `"geofence"`)
		require.ErrorContains(t, err, `"aead"`)
	}
	for _, anchor := range []string{"aead", "replay", "ack", "dispatch"} {
		_, err := newSet(t).InsertAfter(anchor, geofence).Build()
		require.NoError(t, err)
	}
	set := newSet(t)
	_, err := set.Outbound.InsertAfter("seal", geofence).Build()
	require.ErrorIs(t, err, pipeline.ErrOrder)
	require.ErrorContains(t, err, `"seal"`)
	_, err = newSet(t).Outbound.InsertBefore("pack", geofence).Build()
	require.NoError(t, err)
}

func TestGuardsCannotBeRemoved(t *testing.T) {
	for _, name := range []string{"cookie", "header", "aead", "replay", "ack"} {
		_, err := newSet(t).Remove(name).Build()
		require.ErrorIs(t, err, pipeline.ErrUnguarded, name)
		require.ErrorContains(t, err, name)
		_, err = newSet(t).Replace(name, pipeline.Func(name, nil, nil)).Build()
		require.Error(t, err, "a stage of the same name is not a guard")
		_, err = newSet(t).Remove(name).Build(pipeline.InsecureWithout(name))
		require.NoError(t, err, name)
	}
	for _, name := range []string{"ratelimit", "dispatch"} {
		_, err := newSet(t).Remove(name).Build()
		require.NoError(t, err, name)
	}
	_, err := newSet(t).Outbound.Remove("seal").Build()
	require.ErrorIs(t, err, pipeline.ErrUnguarded)
}

// Threat 21, through the whole chain: a datagram with any single bit flipped is
// dropped, and the genuine one is still accepted afterwards.
func TestEveryFlippedBitIsDropped(t *testing.T) {
	r := newRig(t, nil)
	r.begin(links[0], 0)
	r.Add(1, pipeline.Realtime, []byte("state"))
	data := bytes.Clone(r.seal())
	for bit := range 8 * len(data) {
		forged := bytes.Clone(data)
		forged[bit/8] ^= 1 << (bit % 8)
		r.Now += chainrig.Millisecond
		require.True(t, r.receive(forged).Dropped(), "bit %d", bit)
		require.False(t, r.Inbound.Struck())
	}
	require.Empty(t, r.delivered)
	require.Zero(t, r.handshakes)
	require.Equal(t, pipeline.Accept, r.receive(bytes.Clone(data)))
	require.True(t, r.receive(data).Dropped(), "a second time")
	require.Equal(t, []string{"state"}, r.delivered)
	r.drops()
}

func TestPacketsDoNotAllocate(t *testing.T) {
	for name, change := range map[string]func(*stages.Set){
		"default":            nil,
		"inbound user stage": func(s *stages.Set) { s.InsertAfter("ack", geofence) },
		"user stages in both chains": func(s *stages.Set) {
			s.InsertAfter("ack", geofence)
			s.Outbound.InsertBefore("pack", geofence)
		},
	} {
		for _, l := range links {
			r := newRig(t, change)
			r.recording = false
			payload, counter, seq := make([]byte, 128), uint64(0), uint64(0)
			tracker, o := r.Set.Ack.Tracker(l.Session, l.Epoch), new(ack.Outcome)
			one := func() {
				r.Now += chainrig.Millisecond
				r.begin(l, counter)
				r.Add(1, pipeline.Realtime, payload)
				r.Add(2, pipeline.Latest, payload)
				r.Outbound.Sequence, r.Outbound.Distance = seq, uint16(min(seq, 1))
				r.Add(3, pipeline.Reliable, payload)
				seq++
				r.Set.Ack.SetReliableSent(l.Session, seq)
				data := r.seal()
				tracker.Sent(r.Now, 3, 0, true, o)
				counter++
				if v := r.receive(data); v != pipeline.Accept {
					t.Fatalf("verdict %d", v)
				}
				r.In.Publish()
			}
			many := func() { // so that rare allocations show
				for range 200 {
					one()
				}
			}
			many()
			require.Zero(t, testing.AllocsPerRun(10, many), name)
			require.Empty(t, r.drops())
			require.NotZero(t, r.Set.Ack.RTT(l.Session).Latest, "packets carry acknowledgements")
		}
	}
}

func ExampleDefault() {
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.NewChaCha8([32]byte{}) // use crypto/rand.Reader outside of examples
	set, err := stages.Default(cfg)
	if err != nil {
		panic(err)
	}
	geofence := pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		return pipeline.Accept
	})
	chain, err := set.InsertAfter("ack", geofence).Build()
	if err != nil {
		panic(err)
	}
	for _, s := range chain.Stages() {
		fmt.Println(s.Name())
	}
	// Output:
	// cookie
	// ratelimit
	// header
	// aead
	// replay
	// ack
	// geofence
	// dispatch
}

func BenchmarkDefault(b *testing.B) {
	for _, l := range links[:2] { // one of each suite
		b.Run(l.Suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			r := newRig(b, nil)
			r.recording = false
			payload := make([]byte, 128)
			b.SetBytes(128)
			for counter := uint64(0); b.Loop(); counter++ {
				r.Now += chainrig.Millisecond
				r.begin(l, counter)
				r.Add(1, pipeline.Realtime, payload)
				r.receive(r.seal())
			}
		})
	}
}
