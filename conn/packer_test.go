package conn_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/pack"
)

// brokenPacker is the default packer with faults.
type brokenPacker struct {
	pipeline.Packer
	size    func(n, size int) int                                         // of call n, from 1
	process func(n int, p *pipeline.Packet, pack func()) pipeline.Verdict // likewise
	sizes   int
	packed  int
}

func (s *brokenPacker) Size(p *pipeline.Packet) int {
	s.sizes++
	if s.size == nil {
		return s.Packer.Size(p)
	}
	return s.size(s.sizes, s.Packer.Size(p))
}

func (s *brokenPacker) Process(p *pipeline.Packet) pipeline.Verdict {
	s.packed++
	if s.process == nil {
		return s.Packer.Process(p)
	}
	return s.process(s.packed, p, func() { s.Packer.Process(p) })
}

// A packer of the user's that drops messages, panics, or lies about their size
// loses the messages in question and no others. Each is counted under the packer.
func TestBrokenPackers(t *testing.T) {
	const messages = 60
	third := func(n int) bool { return n%3 == 0 }
	for _, tt := range []struct {
		name   string
		packer brokenPacker
		reason string
	}{
		{"drops every third message", brokenPacker{process: func(n int, _ *pipeline.Packet, pack func()) pipeline.Verdict {
			if third(n) {
				return pipeline.DropFirst
			}
			pack()
			return pipeline.Accept
		}}, "intent"},
		{"appends and drops", brokenPacker{process: func(n int, _ *pipeline.Packet, pack func()) pipeline.Verdict {
			pack()
			if third(n) {
				return pipeline.Drop
			}
			return pipeline.Accept
		}}, "unspecified"},
		{"panics", brokenPacker{process: func(n int, _ *pipeline.Packet, pack func()) pipeline.Verdict {
			pack()
			if third(n) {
				panic("Process")
			}
			return pipeline.Accept
		}}, "panic"},
		{"panics in Size", brokenPacker{size: func(n, size int) int {
			if third(n) {
				panic("Size")
			}
			return size
		}}, "panic"},
		{"size too small", brokenPacker{size: func(n, size int) int {
			if third(n) {
				return size - 1
			}
			return size
		}}, "bad_data"},
		{"size too large", brokenPacker{size: func(n, size int) int {
			if third(n) {
				return size + 1
			}
			return size
		}}, "bad_data"},
		{"size negative", brokenPacker{size: func(n, size int) int {
			if third(n) {
				return math.MinInt
			}
			return size
		}}, "bad_data"},
		{"size huge", brokenPacker{size: func(n, size int) int {
			if third(n) {
				return math.MaxInt
			}
			return size
		}}, "too_large"},
		{"accepts without appending", brokenPacker{process: func(n int, _ *pipeline.Packet, pack func()) pipeline.Verdict {
			if !third(n) {
				pack()
			}
			return pipeline.Accept
		}}, "bad_data"},
		{"replaces Data", brokenPacker{process: func(n int, p *pipeline.Packet, pack func()) pipeline.Verdict {
			pack()
			if third(n) {
				p.Data = append(make([]byte, 0, 10_000), p.Data...)
			}
			return pipeline.Accept
		}}, "bad_data"},
		{"appends far beyond", brokenPacker{process: func(n int, p *pipeline.Packet, pack func()) pipeline.Verdict {
			pack()
			if third(n) {
				p.Data = append(p.Data, make([]byte, 100_000)...)
			}
			return pipeline.Accept
		}}, "bad_data"},
	} {
		for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
			t.Run(fmt.Sprintf("%s/%s", tt.name, intent), func(t *testing.T) {
				w := newWorld(t, 1)
				packer := tt.packer
				packer.Packer = pack.New()
				a := w.node(func(c *conn.Config) {
					c.Stages = func(s *stages.Set) error { s.Outbound.Replace("pack", &packer); return nil }
				})
				b := w.node()
				a.dial(b)
				w.await(time.Second, func() bool { return bothUp(a, b) })
				for i := range messages {
					channel := uint32(i)
					if intent == pipeline.Reliable {
						channel %= 2 // each waits for its predecessor on the channel
					}
					require.True(t, a.queue(b, channel, intent, number(i, 10)).Taken())
				}
				w.run(2 * time.Second)
				require.Len(t, b.got, messages-messages/3)
				out := a.Endpoint().Outbound()
				out.Publish()
				for _, d := range out.Counts().Drops {
					if d.Stage == "pack" && d.Reason == tt.reason {
						require.EqualValues(t, messages/3, d.Messages)
					} else {
						require.Zero(t, d.Messages+d.Packets, "%s/%s", d.Stage, d.Reason)
					}
				}
				require.Empty(t, out.Counts().Faults)
				require.True(t, a.Endpoint().Settled(a.peer(b)), "nothing waits for a message that was dropped")
				if tt.reason != "panic" { // the other reasons have no log line
					w.checkAll()
					w.closeAll()
				}
			})
		}
	}
}

// A Reliable message that was packed once is kept if the packer does not pack it
// again: it is no drop but a fault, and arrives later.
func TestPackerFailsToRepack(t *testing.T) {
	w := newWorld(t, 1)
	again := 0
	seen := map[uint64]bool{}
	packer := brokenPacker{Packer: pack.New(), process: func(_ int, p *pipeline.Packet, pack func()) pipeline.Verdict {
		if seen[p.Sequence] && p.Sequence == 2 && again < 3 {
			again++
			return pipeline.Drop
		}
		seen[p.Sequence] = true
		pack()
		return pipeline.Accept
	}}
	a := w.node(func(c *conn.Config) {
		c.Stages = func(s *stages.Set) error { s.Outbound.Replace("pack", &packer); return nil }
	})
	b := w.node()
	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	w.cut(true)
	for i := range 5 {
		a.queue(b, 1, pipeline.Reliable, number(i, 10))
	}
	w.run(50 * time.Millisecond)
	w.cut(false)
	w.run(20 * time.Second)
	require.Len(t, b.got, 5)
	require.Equal(t, 3, again)
	require.Equal(t, []pipeline.Fault{{Stage: "pack", Method: "Process", Count: 3}}, a.Endpoint().Outbound().Counts().Faults)
	w.checkAll()
	w.closeAll()
}

// A stage that replaces or outgrows what it is given loses its packet or message,
// and the endpoint goes on.
func TestOutboundStagesThatSpoilData(t *testing.T) {
	for name, spoil := range map[string]func(p *pipeline.Packet){
		"replaces Data":   func(p *pipeline.Packet) { p.Data = make([]byte, 100_000) },
		"drops Data":      func(p *pipeline.Packet) { p.Data = nil },
		"outgrows Data":   func(p *pipeline.Packet) { p.Data = append(p.Data, make([]byte, 100_000)...) },
		"shortens Data":   func(p *pipeline.Packet) { p.Data = p.Data[:3] },
		"changes nothing": func(*pipeline.Packet) {},
	} {
		for _, before := range []string{"pack", "seal"} {
			t.Run(name+" before "+before, func(t *testing.T) {
				w := newWorld(t, 1)
				spoiling := false
				spoiler := pipeline.Func("spoiler", nil, func(p *pipeline.Packet) pipeline.Verdict {
					if spoiling {
						spoil(p)
					}
					return pipeline.Accept
				})
				a := w.node(func(c *conn.Config) {
					c.Stages = func(s *stages.Set) error { s.Outbound.InsertBefore(before, spoiler); return nil }
				})
				b := w.node()
				a.dial(b)
				w.await(time.Second, func() bool { return bothUp(a, b) })
				spoiling = true
				a.push(b, 1, pipeline.Realtime, "spoiled")
				w.run(50 * time.Millisecond)
				spoiling = false
				a.push(b, 1, pipeline.Realtime, "sound")
				w.run(50 * time.Millisecond)
				require.Equal(t, "sound", b.got[len(b.got)-1].payload)
				out := a.Endpoint().Outbound()
				out.Publish()
				var spoiled uint64
				for _, d := range out.Counts().Drops {
					if d.Stage == "spoiler" && d.Reason == "bad_data" {
						spoiled += d.Packets + d.Messages
					}
				}
				require.Equal(t, name != "changes nothing", spoiled > 0)
				require.Equal(t, name != "changes nothing", len(b.got) == 1)
				w.checkAll()
			})
		}
	}
}

// An answer that is longer than any packet is dropped and counted.
func TestReplyTooLong(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(func(c *conn.Config) {
		c.Stages = func(s *stages.Set) error {
			s.InsertAfter("ack", pipeline.Func("chatty", nil, func(p *pipeline.Packet) pipeline.Verdict {
				p.Reply = make([]byte, 1<<20)
				return pipeline.Accept
			}))
			return nil
		}
	})
	a.push(b, 1, pipeline.Realtime, "x")
	w.run(50 * time.Millisecond)
	require.Len(t, b.got, 1)
	require.EqualValues(t, 1, b.Stats().RepliesLost)
}
