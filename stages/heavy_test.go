package stages_test

import (
	"testing"

	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// BenchmarkHeavyPackets measures packets that a malicious peer fills with as much work
// as the rules allow. The last kinds are what a peer may send at most, at all of its
// limits, which takes 10,000 times as long per second, and what exceeds them.
func BenchmarkHeavyPackets(b *testing.B) {
	one := make([]byte, 1184)
	for _, kind := range []struct {
		name   string
		frames func(i int) []byte
		step   pipeline.Time // between two packets
	}{
		{"one_message", func(int) []byte { return wire.AppendMessage(nil, wire.FrameRealtime, 1, one) }, chainrig.Millisecond},
		{"three_acks", func(i int) (frames []byte) {
			a := wire.Ack{Largest: 3000 + uint64(i)/3}
			for j := range a.Bitmap {
				a.Bitmap[j] = ^uint64(0)
			}
			for range 3 {
				frames = wire.AppendAck(frames, &a)
			}
			return wire.AppendPing(frames)
		}, chainrig.Millisecond},
		{"400_messages", func(int) (frames []byte) {
			for range 400 {
				frames = wire.AppendMessage(frames, wire.FrameRealtime, 1, nil)
			}
			return frames
		}, chainrig.Millisecond},
		{"240_new_channels", func(i int) (frames []byte) {
			for j := range 240 {
				frames = wire.AppendMessage(frames, wire.FrameLatest, 64+uint32(i*240+j)%16_000, nil)
			}
			return frames
		}, chainrig.Millisecond},
		{"at_all_limits", func(i int) (frames []byte) {
			for j := range 32 {
				frames = wire.AppendMessage(frames, wire.FrameLatest, 64+uint32(i*32+j)%16_000, one[:24])
			}
			return frames
		}, chainrig.Millisecond / 10},
		{"in_excess", func(int) (frames []byte) {
			for range 400 {
				frames = wire.AppendMessage(frames, wire.FrameRealtime, 1, nil)
			}
			return frames
		}, 0},
	} {
		b.Run(kind.name, func(b *testing.B) {
			const batch = 1000
			packets := 0
			for b.Loop() {
				b.StopTimer()
				r := newRig(b, nil)
				r.recording = false
				tracker := r.Set.Ack.Tracker(links[0].Session, links[0].Epoch)
				for range 4096 {
					tracker.Sent(r.Now, 1, 0, true, new(ack.Outcome))
				}
				var sealed [batch][]byte
				for i := 0; kind.step == 0 && i < batch; i++ { // until the burst is used up
					r.begin(links[0], uint64(i))
					r.Outbound.Data = append(r.Outbound.Data, kind.frames(i)...)
					r.receive(append([]byte(nil), r.seal()...))
				}
				for i := range sealed {
					r.begin(links[0], uint64(i+batch))
					r.Outbound.Data = append(r.Outbound.Data, kind.frames(i)...)
					sealed[i] = append([]byte(nil), r.seal()...)
				}
				b.StartTimer()
				for _, data := range sealed {
					r.Now += kind.step
					r.receive(data)
				}
				packets += batch
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}
