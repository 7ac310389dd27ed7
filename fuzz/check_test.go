package fuzz_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// stage is one that tests put together.
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

type (
	grower   struct{ *stage }
	settler  struct{ *stage }
	splitter struct {
		*stage
		next func(p *pipeline.Packet) (pipeline.Verdict, bool)
	}
	packs    struct{ *stage }
	observer struct{ *stage }
	renamed  struct {
		*stage
		calls int
	}
)

func (grower) MaxGrowth() int                                 { return 1 }
func (settler) Settle(p *pipeline.Packet, _ pipeline.Verdict) { p.Data[:len(p.Data)+1][len(p.Data)]++ }
func (s splitter) Next(p *pipeline.Packet) (pipeline.Verdict, bool) {
	return s.next(p)
}
func (packs) Size(p *pipeline.Packet) int              { return len(p.Payload()) }
func (*observer) SessionOpened(pipeline.SessionNotice) {}
func (*observer) SessionClosed(pipeline.SessionNotice) { panic("closed") }
func (r *renamed) Name() string {
	r.calls++
	return fmt.Sprint("name", r.calls/100)
}

// long is an input of messages that are not all the same.
var long = fuzz.Input([]byte("one"), []byte("three"), []byte("two and a half"), nil, []byte("one"), []byte("three"), []byte("last"))

// Arguments that cannot be are told from bad stages, and named.
func TestBadArguments(t *testing.T) {
	good := of(nil)
	for want, err := range map[string]error{
		"At(99): there is no such position":          fuzz.Check(long, good, fuzz.At(99)),
		"At(0): there is no such position":           fuzz.Check(long, good, fuzz.At(0)),
		"At(-1): there is no such position":          fuzz.Check(long, good, fuzz.At(-1), fuzz.At(99)),
		"option 2 of 2 is nil":                       fuzz.Check(long, good, fuzz.AllocFree(), nil),
		"Prepare(nil)":                               fuzz.Check(long, good, fuzz.Prepare(nil)),
		"newStage is nil: give a constructor of the": fuzz.Check[pipeline.Stage](long, nil),
	} {
		require.ErrorContains(t, err, "fuzz: "+want)
	}
}

// Each law catches the stage that breaks it, and says how.
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
		{"writes behind its message", accept(func(p *pipeline.Packet) { p.Data[len(p.Data)-1] = 1 }), nil, "outside of its message"},
		{"writes before its message", accept(func(p *pipeline.Packet) { p.Data[0] = 1 }), nil, "outside of its message"},
		{"appends to Data", accept(func(p *pipeline.Packet) { _ = append(p.Data, 1) }), []fuzz.Option{fuzz.At(fuzz.Opened)}, "behind the end of Data"},
		{"appends to Data and keeps it", accept(func(p *pipeline.Packet) { p.Data = p.Data[:len(p.Data)+1] }), nil, "changed the length of Data"},
		{"replaces Data", accept(func(p *pipeline.Packet) { p.Data = make([]byte, len(p.Data)) }), nil, "replaced Data"},
		{"writes into earlier messages", accept(func(p *pipeline.Packet) { p.Data[1] = 9 }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "earlier messages"},
		{"writes past the capacity", accept(func(p *pipeline.Packet) { p.Data = append(p.Data, make([]byte, cap(p.Data)+1-len(p.Data))...) }),
			[]fuzz.Option{fuzz.At(fuzz.OutPackets)}, "replaced Data"},
		{"writes in Settle", func() pipeline.Stage { return settler{newStage(nil)} }, []fuzz.Option{fuzz.At(fuzz.Fresh)}, "in Settle, wrote behind the end"},
		{"answers at length", accept(func(p *pipeline.Packet) {
			p.Data = p.Data[:len(p.Data):len(p.Data)]
			p.Reply = p.Reply[:cap(p.Reply)]
		}), []fuzz.Option{fuzz.At(fuzz.Datagrams)}, "more bytes than it was sent"},
		{"answers beyond the capacity", accept(func(p *pipeline.Packet) { p.Reply = append(p.Reply, make([]byte, 100)...) }), nil, "memory of its own"},
		{"answers from elsewhere", accept(func(p *pipeline.Packet) { p.Reply = []byte{1} }), nil, "memory of its own"},
		{"grows a message", accept(func(p *pipeline.Packet) { p.SetPayload(append([]byte{1}, p.Payload()...)) }), []fuzz.Option{fuzz.At(fuzz.OutMessages)}, "has declared 0"},
		{"grows a message more than declared", func() pipeline.Stage {
			return grower{newStage(func(p *pipeline.Packet) pipeline.Verdict {
				p.SetPayload(append(make([]byte, 2), p.Payload()...))
				return pipeline.Accept
			})}
		}, nil, "longer by 2 bytes and has declared 1"},
		{"packs what it has not announced", func() pipeline.Stage {
			return packs{newStage(func(p *pipeline.Packet) pipeline.Verdict {
				p.Data = append(append(p.Data, 1), p.Payload()...)
				return pipeline.Accept
			})}
		}, nil, "would append 3 bytes, and appended 4"},

		{"drops without a reason", of(func(*pipeline.Packet) pipeline.Verdict { return pipeline.Drop }), nil, "counted as unspecified"},
		{"drops for an undeclared reason", of(func(*pipeline.Packet) pipeline.Verdict { return pipeline.DropFirst + 2 }), nil, "verdict 3 with 2 reasons"},
		{"returns no verdict", of(func(*pipeline.Packet) pipeline.Verdict { return 777 }), nil, "none of the stage's"},
		{"yields undeclared verdicts", func() pipeline.Stage {
			return splitter{newStage(nil), func(*pipeline.Packet) (pipeline.Verdict, bool) { return 99, true }}
		}, nil, "verdict 99"},
		{"yields for ever", func() pipeline.Stage {
			return splitter{newStage(nil), func(*pipeline.Packet) (pipeline.Verdict, bool) { return pipeline.Accept, true }}
		}, nil, "must come to an end"},
		{"has an invalid name", func() pipeline.Stage { return &stage{name: "Bad Name"} }, nil, "lower-case letters"},
		{"has an invalid reason", func() pipeline.Stage { return &stage{name: "bad", reasons: []string{"panic"}} }, nil, `has the reason "panic"`},
		{"has one reason twice", func() pipeline.Stage { return &stage{name: "bad", reasons: []string{"a", "a"}} }, nil, "twice"},
		{"changes its name", func() pipeline.Stage { return &renamed{newStage(nil), 96} }, nil, "the chain reads names once"},
		{"changes its reasons", func() pipeline.Stage {
			s := newStage(nil)
			s.process = func(*pipeline.Packet) pipeline.Verdict { s.reasons = []string{"other"}; return pipeline.Accept }
			return s
		}, nil, "the chain reads names once"},

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
		}), nil, "has kept"},
		{"keeps the Packet", with(func(kept **pipeline.Packet, p *pipeline.Packet) {
			if *kept == nil {
				*kept = p
			}
			p.Channel = uint32((*kept).Counter)
		}), nil, "has kept"},
		{"writes later", with(func(kept *[]byte, p *pipeline.Packet) {
			if len(*kept) > 0 {
				(*kept)[0]++
			}
			*kept = p.Payload()
		}), nil, "wrote into a packet after it had returned"},
		{"shares state", accept(func(p *pipeline.Packet) { shared++; p.Channel = uint32(shared) }), nil, "the same input gave two results"},
		{"drops as it likes", of(func(*pipeline.Packet) pipeline.Verdict {
			shared++
			return pipeline.DropFirst + pipeline.Verdict(shared%2)
		}), nil,
			"first dropped as"},
		{"is one for all", func() pipeline.Stage { return one }, nil, "the same stage"},
		{"is none", func() pipeline.Stage { return nil }, nil, "no stage"},
		{"is nil", func() pipeline.Stage { return (*stage)(nil) }, nil, "no stage"},
		{"behaves differently in a chain", func() pipeline.Stage {
			instances++
			n := instances % 6 // two to look at, three runs, and the chain
			return newStage(func(*pipeline.Packet) pipeline.Verdict {
				if n == 0 {
					return pipeline.DropFirst
				}
				return pipeline.Accept
			})
		}, nil, "are not conserved"},
		{"allocates", with(func(kept *[]byte, p *pipeline.Packet) { *kept = make([]byte, 1+len(p.Payload())) }), []fuzz.Option{fuzz.AllocFree()}, "allocates 1 times for a packet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := fuzz.Check(long, tc.stage, tc.opts...)
			require.ErrorContains(t, err, tc.want)
			t.Log(err)
		})
	}
}
