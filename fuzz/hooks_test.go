package fuzz_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// hooked is a stage with all optional methods, of which one fails.
type hooked struct {
	*stage
	fails func(method string)
}

func (h hooked) PeerOpened(pipeline.PeerNotice)            { h.fails("PeerOpened") }
func (h hooked) PeerClosed(pipeline.PeerNotice)            { h.fails("PeerClosed") }
func (h hooked) SessionOpened(pipeline.SessionNotice)      { h.fails("SessionOpened") }
func (h hooked) SessionClosed(pipeline.SessionNotice)      { h.fails("SessionClosed") }
func (h hooked) EpochOpened(pipeline.EpochNotice)          { h.fails("EpochOpened") }
func (h hooked) EpochClosed(pipeline.EpochNotice)          { h.fails("EpochClosed") }
func (h hooked) Settle(*pipeline.Packet, pipeline.Verdict) { h.fails("Settle") }
func (h hooked) Warm(session, epoch pipeline.ID, _ uint64) uint64 {
	h.fails("Warm")
	return uint64(session) + uint64(epoch)
}

// A panic in any optional method is found in every position, with a stack that names
// the method.
func TestPanicsInOptionalMethodsAreCaught(t *testing.T) {
	for position := fuzz.Datagrams; position <= fuzz.OutPackets; position++ {
		for method, when := range map[string]string{
			"PeerOpened": "at PeerOpened", "PeerClosed": "at PeerClosed", "SessionOpened": "at SessionOpened", "SessionClosed": "at SessionClosed",
			"EpochOpened": "at EpochOpened", "EpochClosed": "at EpochClosed", "Settle": "at Settle, ", "Warm": "at Warm, ",
		} {
			newStage := func() pipeline.Stage {
				return hookedWithoutPlaintext{hooked{newStage(nil), func(m string) {
					if m == method {
						panic("broken " + m)
					}
				}}}
			}
			err := fuzz.Check(long, newStage, fuzz.At(position))
			require.ErrorContains(t, err, `fuzz: stage "bad" panicked at `, "%s, %s", position, method)
			require.ErrorContains(t, err, "panicked "+when)
			require.ErrorContains(t, err, ": broken "+method)
			require.ErrorContains(t, err, "fuzz_test.hooked."+method)
		}
	}
}

type hookedWithoutPlaintext struct{ hooked }

func (hookedWithoutPlaintext) ReadsPlaintext() bool { return false }

// A panic in Next is found, with its line.
func TestPanicInNextIsCaught(t *testing.T) {
	err := fuzz.Check(long, func() pipeline.Stage {
		return splitter{newStage(nil), func(*pipeline.Packet) (pipeline.Verdict, bool) { panic("no message") }}
	})
	require.ErrorContains(t, err, `stage "bad" panicked at Next, fresh packet 1 of 7`)
	require.ErrorContains(t, err, "TestPanicInNextIsCaught")
}

// counting drops messages once Warm has been called often enough, so Warm changes its
// results.
type counting struct {
	*stage
	warmed int
}

func (c *counting) Warm(pipeline.ID, pipeline.ID, uint64) uint64 { c.warmed++; return 0 }
func (c *counting) Process(*pipeline.Packet) pipeline.Verdict {
	if c.warmed > 3 {
		return pipeline.DropFirst
	}
	return pipeline.Accept
}

func TestWarmThatChangesStateIsCaught(t *testing.T) {
	err := fuzz.Check(long, func() pipeline.Stage { return &counting{stage: newStage(nil)} })
	require.ErrorContains(t, err, `stage "bad": the result changed when Warm was called before each packet: Warm may read state but must not change it`)
}

// Notices carry the peer's key: the same one when it comes back, another for each peer.
func TestPeerNoticesCarryKeys(t *testing.T) {
	keys := map[[32]byte]uint32{}
	for _, input := range fuzz.Seeds(fuzz.Messages) {
		require.NoError(t, fuzz.Check(input, func() pipeline.Stage {
			return keyReader{newStage(nil), func(n pipeline.PeerNotice) {
				if of, known := keys[n.Key]; known && of != n.Peer.Number() || n.Key == [32]byte{} {
					panic(fmt.Sprintf("peer %d has the key of %d", n.Peer.Number(), of))
				}
				keys[n.Key] = n.Peer.Number()
			}}
		}))
	}
	require.Len(t, keys, 3)
}

type keyReader struct {
	*stage
	opened func(pipeline.PeerNotice)
}

func (k keyReader) PeerOpened(n pipeline.PeerNotice) { k.opened(n) }
func (k keyReader) PeerClosed(n pipeline.PeerNotice) { k.opened(n) }

// The hint names the line of the stage that allocates, and nothing of the kit.
func TestAllocationIsLocated(t *testing.T) {
	err := fuzz.Check(long, with(func(kept *string, p *pipeline.Packet) { *kept = fmt.Sprint("message ", len(p.Payload())) }), fuzz.AllocFree())
	require.ErrorContains(t, err, "allocates")
	require.ErrorContains(t, err, "\nfmt.Sprint\n\t")
	require.ErrorContains(t, err, "fuzz_test.TestAllocationIsLocated.func1\n\t")
	require.NotContains(t, err.Error(), "fuzz.(*")
}
