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

// FuzzStagesOfAUser is FuzzChain of package stages with user stages in all places
// where they may stand.
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

// noPlaintext makes a stage declare that it reads no plaintext.
type noPlaintext struct{ pipeline.Stage }

func (noPlaintext) ReadsPlaintext() bool { return false }

// packetStage returns a stage that sees whole packets and reads no plaintext.
func packetStage(name string, process func(p *pipeline.Packet) pipeline.Verdict) pipeline.Stage {
	return noPlaintext{pipeline.Func(name, []string{"some"}, process)}
}

// packer is the default packer with other results.
type packer struct {
	*pack.Stage                                                               // which needs no state, so nil
	size        func(n int) int                                               // of what the default returns
	process     func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict // after the default
}

func (k packer) Size(p *pipeline.Packet) int {
	n := k.Stage.Size(p)
	if k.size != nil {
		n = k.size(n)
	}
	return n
}

func (k packer) Process(p *pipeline.Packet) pipeline.Verdict {
	v := k.Stage.Process(p)
	if k.process != nil {
		v = k.process(p, v)
	}
	return v
}

// hooked is a stage with all optional methods, each of which calls hook with its name.
type hooked struct {
	pipeline.Stage
	hook func(method string)
}

func (h hooked) PeerOpened(pipeline.PeerNotice)               { h.hook("PeerOpened") }
func (h hooked) PeerClosed(pipeline.PeerNotice)               { h.hook("PeerClosed") }
func (h hooked) SessionOpened(pipeline.SessionNotice)         { h.hook("SessionOpened") }
func (h hooked) SessionClosed(pipeline.SessionNotice)         { h.hook("SessionClosed") }
func (h hooked) EpochOpened(pipeline.EpochNotice)             { h.hook("EpochOpened") }
func (h hooked) EpochClosed(pipeline.EpochNotice)             { h.hook("EpochClosed") }
func (h hooked) Settle(*pipeline.Packet, pipeline.Verdict)    { h.hook("Settle") }
func (h hooked) Warm(_, _ pipeline.ID, counter uint64) uint64 { h.hook("Warm"); return counter }

// nameless is a stage whose Name panics.
type nameless struct{ pipeline.Stage }

func (nameless) Name() string { panic("no name") }

func brokenChange(*stages.Set) error { panic("no map") }

// framer puts a byte before each outbound message.
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

// input is messages of two peers that pass through both chains. The last two share a
// packet, and one of them is Reliable.
var input = []byte("\x05\x00\x05\x00state\x05\x01\x06\x00second\x05\x04\x05\x00third\x05\x0c\x08\x00fourlast")

func replacePack(k packer) func(*stages.Set) error {
	return func(s *stages.Set) error {
		s.Outbound.Replace("pack", k)
		return nil
	}
}

// A panic in any optional method of a stage is found, in both chains.
func TestPanicsInOptionalMethodsAreCaught(t *testing.T) {
	for _, method := range []string{"PeerOpened", "PeerClosed", "SessionOpened", "SessionClosed", "EpochOpened", "EpochClosed", "Settle", "Warm"} {
		for name, builder := range map[string]func(*stages.Set, pipeline.Stage){
			"inbound":  func(s *stages.Set, bad pipeline.Stage) { s.InsertAfter("ack", bad) },
			"outbound": func(s *stages.Set, bad pipeline.Stage) { s.Outbound.InsertBefore("pack", bad) },
		} {
			err := chain.Check(input, func(s *stages.Set) error {
				builder(s, hooked{pipeline.Func("bad", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }), func(m string) {
					if m == method {
						panic("broken " + m)
					}
				}})
				return nil
			})
			require.ErrorContains(t, err, `panic in stage "bad" of the `+name+" chain: broken "+method)
		}
	}
}

// A packer that drops messages for a reason of its own passes, and so does one that
// adds to each frame what it declares.
func TestGoodPackersPass(t *testing.T) {
	messages := 0
	require.NoError(t, chain.Check(input, func(s *stages.Set) error {
		messages = 0
		return replacePack(packer{process: func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
			if p.Intent != pipeline.Reliable {
				if messages++; messages%3 == 0 {
					return pipeline.DropFirst
				}
			}
			return v
		}})(s)
	}))
	require.NotZero(t, messages)
}

func TestDefaultChainsPass(t *testing.T) {
	require.NoError(t, chain.Check(input, nil))
	require.NoError(t, chain.Check(nil, nil))
	require.NoError(t, chain.Check([]byte{5}, nil))
}

// Each faulty change is found, and the failure names the stage.
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
	afterSeal := func(do func(p *pipeline.Packet)) func(*stages.Set) error {
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
	undeclared := newFramer()
	undeclared.growth = 0
	atSize := func(do func()) func(*stages.Set) error {
		return replacePack(packer{size: func(n int) int { do(); return n }})
	}
	for _, tc := range []struct {
		name   string
		change func(*stages.Set) error
		want   string
	}{
		{"the change fails", func(*stages.Set) error { return errors.New("no such map") }, "no such map"},
		{"removes a guard", func(s *stages.Set) error { s.Remove("replay"); return nil }, "guards against replayed packets"},
		{"breaks the outbound order", func(s *stages.Set) error { s.Outbound.Remove("pack"); return nil }, "outbound: pipeline: unsafe order"},
		{"panics", message(func(p *pipeline.Packet) pipeline.Verdict { _ = p.Payload()[5]; return pipeline.Accept }), `panic in stage "bad" of the inbound chain`},
		{"panics outbound", outbound(pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict { panic("out") })), "of the outbound chain: out"},
		{"drops without a reason", message(func(*pipeline.Packet) pipeline.Verdict { return pipeline.Drop }), "without a reason"},
		{"writes after the datagram", message(func(p *pipeline.Packet) pipeline.Verdict {
			_ = append(p.Data, 1)
			return pipeline.Accept
		}), "outside of its datagram"},
		{"sends a long reply", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = make([]byte, 200)
			return pipeline.Accept
		}), "200 bytes to a packet of 40"},
		{"sends a long reply after ack", message(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = make([]byte, 3000)
			return pipeline.Accept
		}), "a reply of the wrong length: 3000 bytes to a packet of 40"},
		{"replies to a message", message(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = append(p.Reply[:0], 1)
			return pipeline.Accept
		}), `a packet that is no Init got a reply of 1 bytes: of the default stages only cookie replies, look at ["bad"]`},
		{"replies from other memory", packet(func(p *pipeline.Packet) pipeline.Verdict {
			p.Reply = []byte{1}
			return pipeline.Accept
		}), `in other memory: 1 bytes where 48 fit; a stage appends to Reply[:0] within its capacity, look at ["bad"]`},
		{"empties an outbound packet", afterSeal(func(p *pipeline.Packet) { p.Data = p.Data[:0] }), `stage "bad" replaced or shortened Data`},
		{"replaces Data of a packet", afterSeal(func(p *pipeline.Packet) { p.Data = bytes.Clone(p.Data) }), `stage "bad" replaced or shortened Data`},
		{"sets Data of a message to nil", outbound(pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
			p.Data = nil
			return pipeline.Accept
		})), `stage "bad" replaced or shortened Data`},
		{"panics in Size", atSize(func() { panic("no size") }), `panic in stage "pack" of the outbound chain: no size`},
		{"grows messages without declaring it", outbound(undeclared), "made a message 1 bytes longer, but declare a growth of at most 0"},
		{"Size is too small", replacePack(packer{size: func(n int) int { return n - 1 }}), `stage "pack" packed a message wrongly`},
		{"Size is negative", replacePack(packer{size: func(int) int { return -1 }}), "Size is negative or not the number of bytes appended"},
		{"Size exceeds the frame", replacePack(packer{size: func(n int) int { return n + 2000 }}), `stage "pack": Size returned more than the `},
		{"appends more than a frame", replacePack(packer{size: func(n int) int { return n + 1 }, process: func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
			p.Data = append(p.Data, 0)
			return v
		}}), "MaxGrowth must declare what the packer adds"},
		{"packer drops without a reason", replacePack(packer{process: func(*pipeline.Packet, pipeline.Verdict) pipeline.Verdict { return pipeline.Drop }}),
			`stage "pack" dropped without a reason`},
		{"packer writes from other memory", replacePack(packer{process: func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
			p.Data = bytes.Clone(p.Data)
			return v
		}}), `stage "pack" packed a message wrongly`},
		{"packs a Reliable message only once", func(s *stages.Set) error {
			last := ""
			return replacePack(packer{process: func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
				if string(p.Payload()) == last {
					return pipeline.DropFirst
				}
				last = string(p.Payload())
				return v
			}})(s)
		}, `stage "pack" packed a Reliable message, but did not pack it again`},
		{"packer writes into earlier frames", replacePack(packer{process: func(p *pipeline.Packet, v pipeline.Verdict) pipeline.Verdict {
			p.Data[0] ^= 1
			return v
		}}), `stage "pack" changed what was in Data before the message`},
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
		}), `look at ["bad"] of the inbound chain. The first difference is in inbound packet 1, in its Data:`},
		{"shares state outbound", func(s *stages.Set) error {
			s.Outbound.InsertBefore("pack", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
				calls++
				p.Payload()[0] = byte(calls)
				return pipeline.Accept
			}))
			return nil
		}, `look at ["bad"] of the outbound chain. The first difference is in outbound message 1, in its payload:`},
		{"withholds acknowledgements at random", func(s *stages.Set) error {
			s.InsertAfter("replay", pipeline.Func("bad", nil, func(p *pipeline.Packet) pipeline.Verdict {
				if calls++; calls%3 == 0 {
					p.LeaveUnacknowledged()
				}
				return pipeline.Accept
			}))
			s.Outbound.InsertBefore("pack", good("good"))
			return nil
		}, `look at ["bad"] of the inbound chain. The first difference is in inbound packet `},
		{"exits", func(s *stages.Set) error {
			s.InsertAfter("ack", good("good"))
			s.InsertAfter("good", pipeline.Func("bad", nil, exit))
			s.InsertAfter("bad", good("better"))
			return nil
		}, `fuzz/chain: stage "bad" of the inbound chain called runtime.Goexit while it processed a packet or message`},
		{"exits outbound", outbound(pipeline.Func("bad", nil, exit)), `stage "bad" of the outbound chain called runtime.Goexit while it processed a message`},
		{"exits after pack", func(s *stages.Set) error {
			s.Outbound.InsertAfter("seal", packetStage("bad", exit))
			return nil
		}, `stage "bad" of the outbound chain called runtime.Goexit while it processed a packet`},
		{"exits in Size", atSize(runtime.Goexit), `stage "pack" of the outbound chain called runtime.Goexit while it packed a message`},
		{"exits at a notice", func(s *stages.Set) error {
			s.InsertAfter("ack", hooked{good("bad"), func(method string) {
				if method == "SessionClosed" {
					runtime.Goexit()
				}
			}})
			return nil
		}, `a stage of the inbound chain, one of ["bad"], called runtime.Goexit at EpochClosed, SessionClosed or PeerClosed`},
		{"the change panics", brokenChange, `fuzz/chain: the change chain_test.brokenChange() panicked while the chains were built: no map`},
		{"the change exits", func(*stages.Set) error { new(testing.T).SkipNow(); return nil }, "called runtime.Goexit while the chains were built"},
		{"has no name", func(s *stages.Set) error { s.InsertAfter("ack", nameless{good("bad")}); return nil }, "a chain_test.nameless: its Name panicked: no name"},
		{"shares a stage", func(s *stages.Set) error { s.InsertAfter("ack", once); return nil }, `the same stage "once"`},
		{"shares a stage outbound", outbound(once), `the same stage "once"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls = 0
			err := chain.Check(input, tc.change)
			require.ErrorContains(t, err, tc.want)
			t.Log(err)
		})
	}
}

// A failure shows only the part of two outcomes around their first difference.
func TestOutcomesAreAbbreviated(t *testing.T) {
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
	require.ErrorContains(t, err, "of the inbound chain. The first difference is in inbound packet 1, in its Data:\nfirst (")
	_, shown, _ := strings.Cut(err.Error(), ":\nfirst ")
	first, then, ok := strings.Cut(shown, "\nthen  ")
	require.True(t, ok)
	require.LessOrEqual(t, max(len(first), len(then)), 200)
	require.Contains(t, then, "ee")
	require.NotContains(t, first, "ee")
}

// A reply of any length by a stage after ack is a failure, for packets of any length.
func TestRepliesOfAnyLengthAreCaught(t *testing.T) {
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
