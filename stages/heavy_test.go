package stages_test

import (
	"testing"

	"github.com/intentra/intentra/internal/chainrig"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// BenchmarkHeavyPackets measures packets that a malicious peer fills with as much work
// as the rules allow. The rate limit counts packets, whatever is in them.
func BenchmarkHeavyPackets(b *testing.B) {
	one := make([]byte, 1184)
	for _, kind := range []struct {
		name   string
		frames func(i int) []byte
	}{
		{"one_message", func(int) []byte { return wire.AppendMessage(nil, wire.FrameRealtime, 1, one) }},
		{"three_acks", func(i int) (frames []byte) {
			a := wire.Ack{Largest: 3000 + uint64(i)/3}
			for j := range a.Bitmap {
				a.Bitmap[j] = ^uint64(0)
			}
			for range 3 {
				frames = wire.AppendAck(frames, &a)
			}
			return wire.AppendPing(frames)
		}},
		{"400_messages", func(int) (frames []byte) {
			for range 400 {
				frames = wire.AppendMessage(frames, wire.FrameRealtime, 1, nil)
			}
			return frames
		}},
		{"240_new_channels", func(i int) (frames []byte) {
			for j := range 240 {
				frames = wire.AppendMessage(frames, wire.FrameLatest, 64+uint32(i*240+j)%16_000, nil)
			}
			return frames
		}},
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
					tracker.Sent(r.Now, 1, true, new(ack.Outcome))
				}
				var sealed [batch][]byte
				for i := range sealed {
					r.begin(links[0], uint64(i))
					r.Outbound.Data = append(r.Outbound.Data, kind.frames(i)...)
					sealed[i] = append([]byte(nil), r.seal()...)
				}
				b.StartTimer()
				for _, data := range sealed {
					r.Now += chainrig.Millisecond
					r.receive(data)
				}
				packets += batch
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}
