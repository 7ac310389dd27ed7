package chain_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz/chain"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// FuzzStagesOfAUser is the same crowd as in package stages, with stages of a
// user's wherever there may be some.
func FuzzStagesOfAUser(f *testing.F) {
	chain.Fuzz(f, func(s *stages.Set) error {
		s.InsertBefore("header", packetStage("small", func(p *pipeline.Packet) pipeline.Verdict {
			if len(p.Data)%5 == 4 {
				return pipeline.Consumed
			}
			return pipeline.Accept
		}))
		s.InsertAfter("ack", pipeline.Func("odd", []string{"even"}, func(p *pipeline.Packet) pipeline.Verdict {
			if len(p.Payload())%2 == 0 {
				return pipeline.DropFirst
			}
			p.Payload()[0] ^= 1
			return pipeline.Accept
		}))
		s.Outbound.InsertBefore("pack", newFramer())
		return nil
	})
}

// packetStage is one that does not read plaintext.
type unsighted struct{ pipeline.Stage }

func (unsighted) ReadsPlaintext() bool { return false }

func packetStage(name string, process func(p *pipeline.Packet) pipeline.Verdict) pipeline.Stage {
	return unsighted{pipeline.Func(name, []string{"some"}, process)}
}

// unsized is a packer that cannot tell its sizes.
type unsized struct{ pack.Stage }

func (unsized) Size(*pipeline.Packet) int { panic("no size") }

type (
	exiting  struct{ pack.Stage }
	deaf     struct{ pipeline.Stage }
	nameless struct{ pipeline.Stage }
)

func (exiting) Size(*pipeline.Packet) int         { runtime.Goexit(); return 0 }
func (deaf) SessionOpened(pipeline.SessionNotice) {}
func (deaf) SessionClosed(pipeline.SessionNotice) { runtime.Goexit() }
func (nameless) Name() string                     { panic("no name") }

func broken(*stages.Set) error { panic("no map") }

// framer puts a byte in front of each message on its way out.
type framer struct {
	pipeline.Stage
	growth int
}

func (f framer) MaxGrowth() int { return f.growth }

func newFramer() framer {
	var buf []byte
	return framer{pipeline.Func("framer", nil, func(p *pipeline.Packet) pipeline.Verdict {
		buf = append(append(buf[:0], 1), p.Payload()...)
		p.SetPayload(buf)
		return pipeline.Accept
	}), 1}
}

// input is messages of two peers, through the chains; the last two in a packet.
var input = []byte("\x05\x00\x05\x00state\x05\x01\x06\x00second\x05\x04\x05\x00third\x05\x0c\x08\x00fourlast")

func TestDefaultChainsPass(t *testing.T) {
	require.NoError(t, chain.Check(input, nil))
	require.NoError(t, chain.Check(nil, nil))
	require.NoError(t, chain.Check([]byte{5}, nil))
}

// Each law catches the change that breaks it, and names what is to blame.
func TestBadStagesAreCaught(t *testing.T) {
	message := func(process func(p *pipeline.Packet) pipeline.Verdict) func(*stages.Set) error {
		return func(s *stages.Set) error {
			s.InsertAfter("ack", pipeline.Func("bad", nil, process))
			return nil
		}
	}
	outbound := func(s pipeline.Stage) func(*stages.Set) error {
		return func(set *stages.Set) error {
			set.Outbound.InsertBefore("pack", s)
			return nil
		}
	}
	packet := func(process func(p *pipeline.Packet) pipeline.Verdict) func(*stages.Set) error {
		return func(s *stages.Set) error {
			s.InsertBefore("header", packetStage("bad", process))
			return nil
		}
	}
	behindPack := func(do func(p *pipeline.Packet)) func(*stages.Set) error {
		return func(s *stages.Set) error {
			s.Outbound.InsertAfter("seal", packetStage("bad", func(p *pipeline.Packet) pipeline.Verdict {
				do(p)
				return pipeline.Accept
			}))
			return nil
		}
	}
	exit := func(*pipeline.Packet) pipeline.Verdict { runtime.Goexit(); return pipeline.Accept }
	good := func(name string) pipeline.Stage {
		return pipeline.Func(name, nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept })
	}
	calls := 0
	once := pipeline.Func("once", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept })
	greedy := newFramer()
	greedy.growth = 0
	for _, tc := range []struct {
		name   string
		change func(*stages.Set) error
		want   string
	}{
		{"fails", func(*stages.Set) error { return errors.New("no such map") }, "no such map"},
		{"takes out a guard", func(s *stages.Set) error { s.Remove("replay"); return nil }, "guards against replayed packets"},
		{"breaks the outbound order", func(s *stages.Set) error { s.Outbound.Remove("pack"); return nil }, "outbound: pipeline: unsafe order"},
		{"panics", message(func(p *pipeline.Packet) pipeline.Verdict { _ = p.Payload()[5]; return pipeline.Accept }), `panic in stage "bad" of the inbound chain`},
		{"panics on the way out", outbound(pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict { panic("out") })), "of the outbound chain: out"},
		{"drops without a reason", message(func(*pipeline.Packet) pipeline.Verdict { return pipeline.Drop }), "without a reason"},
		{"writes behind the datagram", message(func(p *pipeline.Packet) pipeline.Verdict {
			_ = append(p.Data, 1)
			return pipeline.Accept
		}), "outside of its datagram"},
		{"answers at length", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = make([]byte, 200)
			return pipeline.Accept
		}), "200 bytes were answered"},
		{"answers at length behind ack", message(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = make([]byte, 3000)
			return pipeline.Accept
		}), "a reply of the wrong length: 3000 bytes were answered to "},
		{"answers a message", message(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = append(p.Reply[:0], 1)
			return pipeline.Accept
		}), `something else than an Init was answered, with 1 bytes of Reply: of the default stages only cookie answers, look at ["bad"]`},
		{"answers from elsewhere", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = []byte{1}
			return pipeline.Accept
		}), `in other memory: 1 bytes where 48 fit; a stage appends to Reply[:0] within its capacity, look at ["bad"]`},
		{"shortens what it sends to nothing", behindPack(func(p *pipeline.Packet) { p.Data = p.Data[:0] }), `stage "bad" replaced or shortened Data`},
		{"sends from elsewhere", behindPack(func(p *pipeline.Packet) { p.Data = bytes.Clone(p.Data) }), `stage "bad" replaced or shortened Data`},
		{"drops the packet's Data", outbound(pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
			p.Data = nil
			return pipeline.Accept
		})), `stage "bad" replaced or shortened Data`},
		{"panics when asked for a size", func(s *stages.Set) error {
			s.Outbound.Replace("pack", unsized{pack.New()})
			return nil
		}, `panic in stage "pack" of the outbound chain: no size`},
		{"grows messages", outbound(greedy), "longer by 1 bytes on its way out, and the stages have declared 0"},
		{"marks forgeries fresh", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.MarkFresh()
			p.Epoch = 7
			return pipeline.Consumed
		}), "without having been opened"},
		{"forges plaintext", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.Data[len(p.Data)-1] ^= 1
			p.MarkFresh()
			return pipeline.Accept
		}), "without having been opened"},
		{"writes into the next message", message(func(p *pipeline.Packet) pipeline.Verdict {
			if i := bytes.Index(p.Data, []byte("last")); i >= 0 {
				p.Data[i] = 'f'
			}
			return pipeline.Accept
		}), "yielded that was not sealed"},
		{"shares state", message(func(p *pipeline.Packet) pipeline.Verdict {
			calls++
			p.Payload()[0] = byte(calls)
			return pipeline.Accept
		}), `look at ["bad"] of the inbound chain. The first to differ is inbound packet 1, in its Data:`},
		{"shares state on the way out", func(s *stages.Set) error {
			s.Outbound.InsertBefore("pack", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
				calls++
				p.Payload()[0] = byte(calls)
				return pipeline.Accept
			}))
			return nil
		}, `look at ["bad"] of the outbound chain. The first to differ is outbound message 1, in its payload:`},
		{"acknowledges as it likes", func(s *stages.Set) error {
			s.InsertAfter("replay", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
				if calls++; calls%3 == 0 {
					p.LeaveUnacknowledged()
				}
				return pipeline.Accept
			}))
			s.Outbound.InsertBefore("pack", good("good"))
			return nil
		}, `look at ["bad"] of the inbound chain. The first to differ is inbound packet `},
		{"exits", func(s *stages.Set) error {
			s.InsertAfter("ack", good("good"))
			s.InsertAfter("good", pipeline.Func("bad", nil, exit))
			s.InsertAfter("bad", good("better"))
			return nil
		}, `fuzz/chain: stage "bad" of the inbound chain called runtime.Goexit when it was given a packet or message`},
		{"exits on the way out", outbound(pipeline.Func("bad", nil, exit)), `stage "bad" of the outbound chain called runtime.Goexit when it was given a message`},
		{"exits behind pack", func(s *stages.Set) error {
			s.Outbound.InsertAfter("seal", packetStage("bad", exit))
			return nil
		}, `stage "bad" of the outbound chain called runtime.Goexit when it was given a packet`},
		{"exits when asked for a size", func(s *stages.Set) error {
			s.Outbound.Replace("pack", exiting{pack.New()})
			return nil
		}, `stage "pack" of the outbound chain called runtime.Goexit when it packed a message`},
		{"exits at a notice", func(s *stages.Set) error {
			s.InsertAfter("ack", deaf{good("bad")})
			return nil
		}, `a stage of the inbound chain, one of ["bad"], called runtime.Goexit at SessionClosed`},
		{"panics when it is made", broken, `fuzz/chain: the change chain_test.broken() panicked when the chains were made: no map`},
		{"exits when it is made", func(*stages.Set) error { new(testing.T).SkipNow(); return nil }, "called runtime.Goexit when the chains were made"},
		{"has no name", func(s *stages.Set) error { s.InsertAfter("ack", nameless{good("bad")}); return nil }, "a chain_test.nameless: its Name panicked: no name"},
		{"shares a stage", func(s *stages.Set) error { s.InsertAfter("ack", once); return nil }, `the same stage "once"`},
		{"shares a stage on the way out", outbound(once), `the same stage "once"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls = 0
			err := chain.Check(input, tc.change)
			require.ErrorContains(t, err, tc.want)
			t.Log(err)
		})
	}
}

// Of two outcomes a failure shows the place in which they differ, however long
// they are.
func TestOutcomesAreShownInShort(t *testing.T) {
	var calls int
	err := chain.Check(append([]byte{5, 0, 88, 2}, bytes.Repeat([]byte("state"), 120)...), func(s *stages.Set) error {
		s.InsertAfter("ack", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
			if calls++; calls == 2 {
				p.Payload()[300] = 0xee
			}
			return pipeline.Accept
		}))
		return nil
	})
	require.ErrorContains(t, err, "of the inbound chain. The first to differ is inbound packet 1, in its Data:\nfirst (")
	_, shown, _ := strings.Cut(err.Error(), ":\nfirst ")
	first, then, ok := strings.Cut(shown, "\nthen  ")
	require.True(t, ok)
	require.LessOrEqual(t, max(len(first), len(then)), 200)
	require.Contains(t, then, "ee")
	require.NotContains(t, first, "ee")
}

// Whatever a stage behind ack answers to packets of whatever length, it is told
// as a failure and costs the kit nothing.
func TestOddAnswers(t *testing.T) {
	frame := len(wire.AppendMessage(nil, wire.FrameRealtime, 7, nil))
	for _, size := range []int{1, 50, wire.InitSize - wire.Overhead - frame, 400} {
		frames := wire.AppendMessage(nil, wire.FrameRealtime, 7, make([]byte, size))
		input := append([]byte{1, 0, byte(len(frames)), byte(len(frames) >> 8)}, frames...)
		for _, n := range []int{1, 15, wire.CookiePacketSize - 1, wire.CookiePacketSize, wire.CookiePacketSize + 1, wire.InitSize, 3000} {
			err := chain.Check(input, func(s *stages.Set) error {
				s.InsertAfter("ack", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
					p.Reply = append(p.Reply[:0], make([]byte, n)...)
					return pipeline.Accept
				}))
				return nil
			})
			require.ErrorContains(t, err, `look at ["bad"]`, "%d bytes to a message of %d", n, size)
		}
	}
}
