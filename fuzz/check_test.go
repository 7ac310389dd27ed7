package fuzz_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// stage is a stage made of fields.
type stage struct {
	name    string
	reasons []string
	process func(p *pipeline.Packet) pipeline.Verdict
}

func (s *stage) Name() string      { return s.name }
func (s *stage) Reasons() []string { return s.reasons }
func (s *stage) Process(p *pipeline.Packet) pipeline.Verdict {
	if s.process == nil {
		return pipeline.Accept
	}
	return s.process(p)
}

func newStage(process func(p *pipeline.Packet) pipeline.Verdict) *stage {
	return &stage{"bad", []string{"first", "second"}, process}
}

// of returns a constructor of stages with the same stateless process.
func of(process func(p *pipeline.Packet) pipeline.Verdict) func() pipeline.Stage {
	return func() pipeline.Stage { return newStage(process) }
}

func accept(do func(p *pipeline.Packet)) func() pipeline.Stage {
	return of(func(p *pipeline.Packet) pipeline.Verdict {
		do(p)
		return pipeline.Accept
	})
}

// with returns a constructor of stages with a state of their own.
func with[T any](process func(state *T, p *pipeline.Packet)) func() pipeline.Stage {
	return func() pipeline.Stage {
		state := new(T)
		return newStage(func(p *pipeline.Packet) pipeline.Verdict {
			process(state, p)
			return pipeline.Accept
		})
	}
}

// withoutPlaintext returns a constructor of the same stages that declare to read no
// plaintext.
func withoutPlaintext(newStage func() pipeline.Stage) func() pipeline.Stage {
	return func() pipeline.Stage { return noPlaintext{newStage()} }
}

// repeats makes a stage that wrongly keeps the last payload to detect repetitions. If
// memory is reused, it detects one in almost every message.
func repeats() pipeline.Stage {
	var last []byte
	return newStage(func(p *pipeline.Packet) pipeline.Verdict {
		same := last != nil && bytes.HasPrefix(p.Payload(), last)
		if last = p.Payload(); same {
			return pipeline.DropFirst
		}
		return pipeline.Accept
	})
}

type (
	grower      struct{ *stage }
	settler     struct{ *stage }
	settlesLate struct{ *stage }
	splitter    struct {
		*stage
		next func(p *pipeline.Packet) (pipeline.Verdict, bool)
	}
	packs         struct{ *stage }
	observer      struct{ *stage }
	exiter        struct{ *stage }
	marksInSettle struct{ *stage }
	renamed       struct {
		*stage
		calls int
	}
)

func (settlesLate) Settle(p *pipeline.Packet, _ pipeline.Verdict) { p.Counter++ }
func (grower) MaxGrowth() int                                     { return 1 }
func (settler) Settle(p *pipeline.Packet, _ pipeline.Verdict)     { p.Data[:len(p.Data)+1][len(p.Data)]++ }
func (s splitter) Next(p *pipeline.Packet) (pipeline.Verdict, bool) {
	return s.next(p)
}
func (marksInSettle) Settle(p *pipeline.Packet, _ pipeline.Verdict) { p.MarkFresh() }
func (marksInSettle) ReadsPlaintext() bool                          { return false }
func (*exiter) EpochOpened(pipeline.EpochNotice)                    { runtime.Goexit() }
func (*exiter) EpochClosed(pipeline.EpochNotice)                    {}
func (packs) Size(p *pipeline.Packet) int                           { return len(p.Payload()) }
func (*observer) SessionOpened(pipeline.SessionNotice)              {}
func (*observer) SessionClosed(pipeline.SessionNotice)              { panic("closed") }
func (r *renamed) Name() string {
	r.calls++
	return fmt.Sprint("name", r.calls/100)
}

// long is an input of messages of which not all are equal.
var long = fuzz.Input([]byte("one"), []byte("three"), []byte("two and a half"), nil, []byte("one"), []byte("three"), []byte("last"))

// Invalid arguments are reported as such, not as faults of the stage.
func TestInvalidArguments(t *testing.T) {
	good := of(nil)
	for want, err := range map[string]error{
		"At(99): there is no such position":          fuzz.Check(long, good, fuzz.At(99)),
		"At(0): there is no such position":           fuzz.Check(long, good, fuzz.At(0)),
		"At(-1): there is no such position":          fuzz.Check(long, good, fuzz.At(-1), fuzz.At(99)),
		"option 2 of 2 is nil":                       fuzz.Check(long, good, fuzz.AllocFree(), nil),
		"Sets(\"Now\"): it takes one of [\"Addr\"":   fuzz.Check(long, good, fuzz.Sets("Channel", "Now")),
		"Prepare(nil)":                               fuzz.Check(long, good, fuzz.Prepare(nil)),
		"newStage is nil: give a constructor of the": fuzz.Check[pipeline.Stage](long, nil),
	} {
		require.ErrorContains(t, err, "fuzz: "+want)
	}
}

// Each broken rule is found, and the failure says which one.
func TestBadStagesAreCaught(t *testing.T) {
	shared, instances := 0, 0
	one := newStage(nil)
	for _, tc := range []struct {
		name  string
		stage func() pipeline.Stage
		opts  []fuzz.Option
		want  string
	}{
		{"panics", accept(func(p *pipeline.Packet) { _ = p.Payload()[4] }), nil, "panicked at message 1 of 7"},
		{"panics at a notice", func() pipeline.Stage { return &observer{newStage(nil)} }, nil, "panicked at SessionClosed: closed"},
		{"writes after its message", accept(func(p *pipeline.Packet) { p.Data[len(p.Data)-1] = 1 }), nil, "outside of its message"},
		{"writes before its message", accept(func(p *pipeline.Packet) { p.Data[0] = 1 }), nil, "outside of its message"},
		{"appends to Data", accept(func(p *pipeline.Packet) { _ = append(p.Data, 1) }), []fuzz.Option{fuzz.At(fuzz.Opened)}, "past the end of Data"},
		{"appends to Data and keeps it", accept(func(p *pipeline.Packet) { p.Data = p.Data[:len(p.Data)+1] }), nil, "changed the length of Data"},
		{"replaces Data", accept(func(p *pipeline.Packet) { p.Data = make([]byte, len(p.Data)) }), nil, "replaced Data"},
		{"writes into earlier messages", accept(func(p *pipeline.Packet) { p.Data[1] = 9 }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "earlier messages"},
		{"writes past the capacity", accept(func(p *pipeline.Packet) { p.Data = append(p.Data, make([]byte, cap(p.Data)+1-len(p.Data))...) }),
			[]fuzz.Option{fuzz.At(fuzz.OutPackets)}, "replaced Data"},
		{"writes in Settle", func() pipeline.Stage { return settler{newStage(nil)} }, []fuzz.Option{fuzz.At(fuzz.Fresh)}, "in Settle, wrote past the end"},
		{"sends a long reply", withoutPlaintext(accept(func(p *pipeline.Packet) {
			p.Data = p.Data[:len(p.Data):len(p.Data)]
			p.Reply = p.Reply[:cap(p.Reply)]
		})), []fuzz.Option{fuzz.At(fuzz.Datagrams)}, "more bytes than it received"},
		{"replies beyond the capacity", accept(func(p *pipeline.Packet) { p.Reply = append(p.Reply, make([]byte, 100)...) }), nil, "memory of its own"},
		{"replies from other memory", accept(func(p *pipeline.Packet) { p.Reply = []byte{1} }), nil, "memory of its own"},
		{"grows a message", accept(func(p *pipeline.Packet) { p.SetPayload(append([]byte{1}, p.Payload()...)) }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "declares a growth of at most 0"},
		{"grows a message more than declared", func() pipeline.Stage {
			return grower{newStage(func(p *pipeline.Packet) pipeline.Verdict {
				p.SetPayload(append(make([]byte, 2), p.Payload()...))
				return pipeline.Accept
			})}
		}, nil, "2 bytes longer, but declares a growth of at most 1"},
		{"packs more than its Size", func() pipeline.Stage {
			return packs{newStage(func(p *pipeline.Packet) pipeline.Verdict {
				p.Data = append(append(p.Data, 1), p.Payload()...)
				return pipeline.Accept
			})}
		}, nil, "Size returned 3, but Process appended 4 bytes"},

		{"drops without a reason", of(func(*pipeline.Packet) pipeline.Verdict { return pipeline.Drop }), nil, "counted as unspecified"},
		{"drops for an undeclared reason", of(func(*pipeline.Packet) pipeline.Verdict { return pipeline.DropFirst + 2 }), nil, "verdict 3 with 2 reasons"},
		{"returns an unknown verdict", of(func(*pipeline.Packet) pipeline.Verdict { return 777 }), nil, "which the stage does not declare"},
		{"yields undeclared verdicts", func() pipeline.Stage {
			return splitter{newStage(nil), func(*pipeline.Packet) (pipeline.Verdict, bool) { return 99, true }}
		}, nil, "verdict 99"},
		{"yields without end", func() pipeline.Stage {
			return splitter{newStage(nil), func(*pipeline.Packet) (pipeline.Verdict, bool) { return pipeline.Accept, true }}
		}, nil, "must return false in the end"},
		{"has an invalid name", func() pipeline.Stage { return &stage{name: "Bad Name"} }, nil, "lower-case letters"},
		{"has an invalid reason", func() pipeline.Stage { return &stage{name: "bad", reasons: []string{"panic"}} }, nil, `has the reason "panic"`},
		{"names a reason twice", func() pipeline.Stage { return &stage{name: "bad", reasons: []string{"a", "a"}} }, nil, "twice"},
		{"changes its name", func() pipeline.Stage { return &renamed{newStage(nil), 96} }, nil, "the chain reads them once"},
		{"changes its reasons", func() pipeline.Stage {
			s := newStage(nil)
			s.process = func(*pipeline.Packet) pipeline.Verdict { s.reasons = []string{"other"}; return pipeline.Accept }
			return s
		}, nil, "the chain reads them once"},

		{"keeps the payload", with(func(kept *[]byte, p *pipeline.Packet) {
			if len(*kept) > 0 {
				p.Payload()[0] ^= (*kept)[0]
			}
			if *kept == nil {
				*kept = p.Payload()
			}
		}), []fuzz.Option{fuzz.Prepare(func(p *pipeline.Packet) { p.SetPayload(p.Data[len(p.Data)-8 : len(p.Data)-4]) }), fuzz.At(fuzz.Opened)}, "has kept"},
		{"keeps Data", with(func(kept *[][]byte, p *pipeline.Packet) {
			for _, b := range *kept {
				p.Channel += uint32(b[0])
			}
			*kept = append(*kept, p.Data)
		}), []fuzz.Option{fuzz.Sets("Channel")}, "has kept"},
		{"keeps the Packet", with(func(kept **pipeline.Packet, p *pipeline.Packet) {
			if *kept == nil {
				*kept = p
			}
			p.Channel = uint32((*kept).Counter)
		}), []fuzz.Option{fuzz.Sets("Channel")}, "has kept"},
		{"keeps an index", with(func(kept *[]byte, p *pipeline.Packet) {
			if len(*kept) > 0 {
				_ = make([]byte, 'z')[(*kept)[0]]
			}
			*kept = p.Payload()
		}), nil, "The stage has kept the Packet, Data, a payload or Reply past its return: copy what is to be kept (the first run had no failure, another: fuzz: stage \"bad\" panicked"},
		{"writes later", with(func(kept *[]byte, p *pipeline.Packet) {
			if len(*kept) > 0 {
				(*kept)[0]++
			}
			*kept = p.Payload()
		}), nil, "wrote to a packet after it had returned"},
		{"writes into the Packet later", with(func(kept **pipeline.Packet, p *pipeline.Packet) {
			if *kept != nil {
				(*kept).Session = 1
			}
			*kept = p
		}), nil, "wrote to a packet after it had returned"},
		{"keeps the last payload", repeats, nil, "has kept"},
		{"has different reasons each time", func() pipeline.Stage {
			instances++
			s := newStage(func(*pipeline.Packet) pipeline.Verdict { return pipeline.DropFirst })
			s.reasons = []string{"some", fmt.Sprint("other", instances)}
			return s
		}, nil, "the constructor made \"bad\" with reasons"},

		{"changes the time", accept(func(p *pipeline.Packet) { p.Now++ }), nil, "changed the packet's Now, which it must not set: the driver sets it"},
		{"changes the address", accept(func(p *pipeline.Packet) { p.Addr = netip.AddrPort{} }), nil, "changed the packet's Addr"},
		{"changes the peer", accept(func(p *pipeline.Packet) { p.Peer = 7 }), nil, "fuzz.Sets(\"Peer\") allows it; from 0x"},
		{"changes the session", accept(func(p *pipeline.Packet) { p.Session++ }), []fuzz.Option{fuzz.At(fuzz.Fresh)}, "changed the packet's Session"},
		{"changes the epoch", accept(func(p *pipeline.Packet) { p.EpochSeq++ }), []fuzz.Option{fuzz.At(fuzz.Opened)}, "changed the packet's EpochSeq"},
		{"changes the counter", accept(func(p *pipeline.Packet) { p.Counter++ }), []fuzz.Option{fuzz.At(fuzz.OutPackets)}, "no number may be used twice"},
		{"changes a field and drops", of(func(p *pipeline.Packet) pipeline.Verdict { p.Epoch = 0; return pipeline.DropFirst }), nil, "changed the packet's Epoch"},
		{"changes the channel", accept(func(p *pipeline.Packet) { p.Channel++ }), nil, "the splitter sets it"},
		{"changes the intent", accept(func(p *pipeline.Packet) { p.Intent = pipeline.Latest }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "changed the packet's Intent"},
		{"changes the number", accept(func(p *pipeline.Packet) { p.Sequence++ }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "changed the packet's Sequence"},
		{"sets a peer without observing epochs", withoutPlaintext(accept(func(p *pipeline.Packet) { p.Peer = 1 })), nil, "changed the packet's Peer"},
		{"opens datagrams", withoutPlaintext(accept(func(p *pipeline.Packet) { p.SetPlaintext(p.Data) })), nil, "SetPlaintext is for a pipeline.Opener alone"},
		{"marks opened packets fresh", accept(func(p *pipeline.Packet) { p.MarkFresh() }), []fuzz.Option{fuzz.At(fuzz.Opened)}, "MarkFresh is for the replay window alone"},
		{"changes a field that Sets does not name", accept(func(p *pipeline.Packet) { p.Channel++; p.Distance++ }), []fuzz.Option{fuzz.Sets("Channel")}, "changed the packet's Distance"},
		{"changes a field in Settle", func() pipeline.Stage { return settlesLate{newStage(nil)} }, []fuzz.Option{fuzz.At(fuzz.Fresh)}, "in Settle, changed the packet's Counter"},
		{"changes a field between messages", func() pipeline.Stage {
			return splitter{newStage(nil), func(p *pipeline.Packet) (pipeline.Verdict, bool) {
				p.Channel++
				p.Session = pipeline.ID(p.Channel)
				return pipeline.Accept, p.Channel < 3
			}}
		}, nil, "changed the packet's Session"},

		{"shares state", accept(func(p *pipeline.Packet) { shared++; p.Channel = uint32(shared) }), []fuzz.Option{fuzz.Sets("Channel")}, "the same input gave two results"},
		{"drops at random", of(func(*pipeline.Packet) pipeline.Verdict {
			shared++
			return pipeline.DropFirst + pipeline.Verdict(shared%2)
		}), nil,
			"first dropped as"},
		{"is the same stage each time", func() pipeline.Stage { return one }, nil, "the same stage"},
		{"is a nil interface", func() pipeline.Stage { return nil }, nil, "no stage"},
		{"is a nil pointer", func() pipeline.Stage { return (*stage)(nil) }, nil, "no stage"},
		{"behaves differently in a chain", of(func(*pipeline.Packet) pipeline.Verdict {
			if strings.Contains(string(debug.Stack()), "pipeline.(*Inbound)") {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		}), nil, "are not conserved"},
		{"panics after 40 packets", func() pipeline.Stage {
			n := 0
			return newStage(func(*pipeline.Packet) pipeline.Verdict {
				if n++; n > 40 {
					panic("full")
				}
				return pipeline.Accept
			})
		}, []fuzz.Option{fuzz.AllocFree()}, "panicked when the same packets were repeated: full"},
		{"exits", of(func(*pipeline.Packet) pipeline.Verdict { runtime.Goexit(); return pipeline.Accept }), nil,
			`fuzz: stage "bad" called runtime.Goexit at message 1 of 7`},
		{"skips a test", of(func(*pipeline.Packet) pipeline.Verdict { new(testing.T).SkipNow(); return pipeline.Accept }), nil,
			`fuzz: stage "bad" called runtime.Goexit at message 1 of 7`},
		{"exits at a notice", func() pipeline.Stage { return &exiter{newStage(nil)} }, nil, `stage "bad" called runtime.Goexit at EpochOpened`},
		{"exits in a chain", of(func(*pipeline.Packet) pipeline.Verdict {
			if strings.Contains(string(debug.Stack()), "pipeline.(*Inbound)") {
				runtime.Goexit()
			}
			return pipeline.Accept
		}), nil, `stage "bad" did not return in a chain, but did when it was called alone: runtime.Goexit at `},
		{"exits after 40 packets", with(func(n *int, _ *pipeline.Packet) {
			if *n++; *n > 40 {
				runtime.Goexit()
			}
		}), []fuzz.Option{fuzz.AllocFree()}, `stage "bad" called runtime.Goexit when the same packets were repeated`},

		{"opens its message", accept(func(p *pipeline.Packet) { p.SetPlaintext(p.Payload()) }), nil,
			`stage "bad" set the packet's Opened, which it must not set: SetPlaintext is for a pipeline.Opener alone; use SetPayload; seen on a packet without that mark (message 1 of 7`},
		{"opens fresh packets", accept(func(p *pipeline.Packet) { p.SetPlaintext(p.Payload()) }), []fuzz.Option{fuzz.At(fuzz.Fresh)}, "SetPlaintext is for"},
		{"opens opened packets", func() pipeline.Stage {
			return guard{accept(func(p *pipeline.Packet) { p.SetPlaintext(p.Payload()) })()}
		}, nil, "SetPlaintext is for"},
		{"marks messages fresh", accept(func(p *pipeline.Packet) { p.MarkFresh() }), nil, "set the packet's Fresh, which it must not set: MarkFresh is for the replay window alone"},
		{"marks some messages fresh", accept(func(p *pipeline.Packet) {
			if string(p.Payload()) == "last" {
				p.MarkFresh()
			}
		}), []fuzz.Option{fuzz.Prepare(func(p *pipeline.Packet) { p.SetPlaintext(p.Payload()); p.MarkFresh() })}, "seen on a packet without that mark (message 7 of 7"},
		{"marks fresh packets fresh", accept(func(p *pipeline.Packet) { p.MarkFresh() }), []fuzz.Option{fuzz.At(fuzz.Fresh)}, "MarkFresh is for"},
		{"marks packets fresh in Next", func() pipeline.Stage {
			return splitter{newStage(nil), func(p *pipeline.Packet) (pipeline.Verdict, bool) { p.MarkFresh(); return 0, false }}
		}, nil, `stage "bad", in Next, set the packet's Fresh`},
		{"marks packets fresh in Settle", func() pipeline.Stage { return marksInSettle{newStage(nil)} }, nil, `stage "bad", in Settle, set the packet's Fresh`},
		{"marks messages fresh in Settle", func() pipeline.Stage { return marksInSettle{newStage(nil)} }, []fuzz.Option{fuzz.At(fuzz.Messages)}, `in Settle, set the packet's Fresh`},
		{"allocates", with(func(kept *[]byte, p *pipeline.Packet) { *kept = make([]byte, 1+len(p.Payload())) }), []fuzz.Option{fuzz.AllocFree()}, "allocates 1 times for a packet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := fuzz.Check(long, tc.stage, tc.opts...)
			require.ErrorContains(t, err, tc.want)
			t.Log(err)
		})
	}
}
