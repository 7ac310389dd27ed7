package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

func manyReasons(n int) (reasons []string) {
	for i := range n {
		reasons = append(reasons, fmt.Sprintf("r%d", i))
	}
	return reasons
}

func names(stages []Stage) string {
	var s []string
	for _, st := range stages {
		s = append(s, st.Name())
	}
	return strings.Join(s, " ")
}

func TestBuilderOrder(t *testing.T) {
	t.Run("inbound", func(t *testing.T) { testBuilderOrder(t, NewInbound) })
	t.Run("outbound", func(t *testing.T) { testBuilderOrder(t, NewOutbound) })
}

func testBuilderOrder[C Inbound | Outbound](t *testing.T, start func(...Stage) *Builder[C]) {
	x, y := accept("x"), accept("y")
	for _, tt := range []struct {
		name string
		edit func(*Builder[C])
		want string
	}{
		{"untouched", func(*Builder[C]) {}, "a b c"},
		{"before first", func(b *Builder[C]) { b.InsertBefore("a", x) }, "x a b c"},
		{"before last", func(b *Builder[C]) { b.InsertBefore("c", x) }, "a b x c"},
		{"after first", func(b *Builder[C]) { b.InsertAfter("a", x) }, "a x b c"},
		{"after last", func(b *Builder[C]) { b.InsertAfter("c", x) }, "a b c x"},
		{"next to an inserted stage", func(b *Builder[C]) { b.InsertAfter("a", x).InsertBefore("x", y) }, "a y x b c"},
		{"replace", func(b *Builder[C]) { b.Replace("b", x) }, "a x c"},
		{"replace by its own name", func(b *Builder[C]) { b.Replace("b", accept("b")) }, "a b c"},
		{"remove", func(b *Builder[C]) { b.Remove("b") }, "a c"},
		{"remove all", func(b *Builder[C]) { b.Remove("a").Remove("c").Remove("b") }, ""},
		{"insert and remove", func(b *Builder[C]) { b.InsertAfter("b", x).Remove("x") }, "a b c"},
		{"name of a removed stage", func(b *Builder[C]) { b.Remove("a").InsertAfter("c", accept("a")) }, "b c a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := start(accept("a"), accept("b"), accept("c"))
			tt.edit(b)
			require.Equal(t, tt.want, strings.Join(b.Names(), " "))
			built, err := b.Build()
			require.NoError(t, err)
			c := any(built).(Chain)
			require.Equal(t, tt.want, names(c.Stages()))
			require.Equal(t, tt.want, strings.Join(c.Names(), " "))
		})
	}
}

// try returns the error of Build.
func try[C Inbound | Outbound](b *Builder[C]) error {
	c, err := b.Build()
	if err != nil && c != nil {
		panic("Build returned a chain and an error")
	}
	return err
}

func TestBuilderRefuses(t *testing.T) {
	a, b, c := accept("a"), accept("b"), accept("c")
	x := accept("x")
	for _, tt := range []struct {
		name  string
		got   error
		err   error
		words []string // in the message, which names the stages
	}{
		{"duplicate", try(NewInbound(a, b, accept("a"))), ErrDuplicate, []string{`"a"`}},
		{"duplicate by insertion", try(NewInbound(a, b).InsertAfter("b", accept("a"))), ErrDuplicate, []string{`"a"`}},
		{"duplicate by replacement", try(NewInbound(a, b).Replace("b", accept("a"))), ErrDuplicate, []string{`"a"`}},

		{"before unknown", try(NewInbound(a, b).InsertBefore("q", x)), ErrUnknownAnchor, []string{`"q"`, `["a" "b"]`}},
		{"after unknown", try(NewInbound(a, b).InsertAfter("q", x)), ErrUnknownAnchor, []string{`"q"`}},
		{"replace unknown", try(NewInbound(a, b).Replace("q", x)), ErrUnknownAnchor, []string{`"q"`}},
		{"remove unknown", try(NewInbound(a, b).Remove("q")), ErrUnknownAnchor, []string{`"q"`}},
		{"removed anchor", try(NewInbound(a, b).Remove("a").InsertAfter("a", x)), ErrUnknownAnchor, []string{`"a"`}},
		{"first error is kept", try(NewInbound(a, b).Remove("q").Remove("r").InsertAfter("b", nil)), ErrUnknownAnchor, []string{`"q"`}},

		{"nil", try(NewInbound(a, nil)), ErrStage, []string{"stage 1"}},
		{"nil inserted", try(NewInbound(a).InsertBefore("a", nil)), ErrStage, []string{"stage 0"}},
		{"nil in place", try(NewInbound(a).Replace("a", nil)), ErrStage, []string{"stage 0"}},
		{"nil next to others", try(NewInbound(a, nil, b).InsertBefore("b", x)), ErrStage, []string{"stage 1"}},

		{"no name", try(NewInbound(accept(""))), ErrStage, []string{`""`}},
		{"upper case", try(NewInbound(accept("Geofence"))), ErrStage, []string{`"Geofence"`}},
		{"hyphen", try(NewInbound(accept("geo-fence"))), ErrStage, []string{`"geo-fence"`}},
		{"space", try(NewInbound(accept("geo fence"))), ErrStage, []string{`"geo fence"`}},
		{"not ASCII", try(NewInbound(accept("zaun\u00e4"))), ErrStage, []string{"stage 0"}},
		{"line break", try(NewInbound(accept("a\n"))), ErrStage, []string{`"a\n"`}},

		{"bad reason", try(NewInbound(always("s", Drop, "fine", "not-fine"))), ErrStage, []string{`"s"`, `"not-fine"`}},
		{"empty reason", try(NewInbound(always("s", Drop, ""))), ErrStage, []string{`"s"`}},
		{"reserved reason", try(NewInbound(always("s", Drop, "unspecified"))), ErrStage, []string{`"s"`, `"unspecified"`}},
		{"other reserved reason", try(NewInbound(always("s", Drop, "panic"))), ErrStage, []string{`"s"`, `"panic"`}},
		{"reason twice", try(NewInbound(always("s", Drop, "r", "q", "r"))), ErrStage, []string{`"s"`, `"r"`, "twice"}},
		{"too many reasons", try(NewInbound(always("s", Drop, manyReasons(MaxReasons+1)...))), ErrStage, []string{`"s"`, "251", "250"}},

		{"plaintext before open", try(NewInbound(a, opener{b})), ErrOrder, []string{`"a"`, `"b"`, "before", "ReadsPlaintext() false"}},
		{"plaintext far before open", try(NewInbound(reader{a, false}, c, reader{x, false}, opener{b})), ErrOrder, []string{`"c"`, `"b"`}},
		{"declared before open", try(NewInbound(reader{a, true}, opener{b})), ErrOrder, []string{`"a"`, `"b"`}},
		{"inserted before open", try(NewInbound(opener{b}).InsertBefore("b", x)), ErrOrder, []string{`"x"`, `"b"`}},
		{"plaintext after seal", try(NewOutbound(sealer{b}, a)), ErrOrder, []string{`"a"`, `"b"`, "after"}},
		{"declared after seal", try(NewOutbound(newPack("p"), sealer{b}, reader{a, true})), ErrOrder, []string{`"a"`, `"b"`}},
		{"inserted after seal", try(NewOutbound(sealer{b}).InsertAfter("b", x)), ErrOrder, []string{`"x"`, `"b"`}},
		{"packer after seal", try(NewOutbound(sealer{b}, newPack("p"))), ErrOrder, []string{`"b"`, `"p"`}},
		{"packer after seal that declares no plaintext", try(NewOutbound(sealer{b}, blindPack{newPack("p")})), ErrOrder, []string{`"b"`, `"p"`}},

		{"two splitters", try(NewInbound(newSplit("a"), b, newSplit("c"))), ErrOrder, []string{`"a"`, `"c"`}},
		{"two packers", try(NewOutbound(newPack("a"), b, newPack("c"))), ErrOrder, []string{`"a"`, `"c"`}},
		{"guard after splitter", try(NewInbound(newSplit("a"), guard{b, "replays"})), ErrOrder, []string{`"a"`, `"b"`}},
		{"guard before packer", try(NewOutbound(guard{b, "floods"}, newPack("a"))), ErrOrder, []string{`"a"`, `"b"`}},

		{"guard removed", try(NewInbound(guard{a, "floods"}, b).Remove("a")), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard replaced", try(NewInbound(guard{a, "floods"}, b).Replace("a", x)), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard replaced by another", try(NewInbound(guard{a, "floods"}, b).Replace("a", guard{x, "replays"})), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard removed outbound", try(NewOutbound(guard{a, "plaintext"}, b).Remove("a")), ErrUnguarded, []string{`"a"`, "plaintext"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.got
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, "pipeline: ")
			for _, w := range tt.words {
				require.ErrorContains(t, err, w)
			}
			for _, other := range []error{ErrDuplicate, ErrUnknownAnchor, ErrOrder, ErrUnguarded, ErrStage} {
				if other != tt.err {
					require.NotErrorIs(t, err, other)
				}
			}
		})
	}
}

// blindPack is a packer that claims not to read plaintext.
type blindPack struct{ pack }

func (blindPack) ReadsPlaintext() bool { return false }

func TestBuilderAllows(t *testing.T) {
	a, b, x := accept("a"), accept("b"), accept("x")
	for name, err := range map[string]error{
		"nothing":                                try(NewInbound()),
		"all of the alphabet":                    try(NewInbound(accept("abcdefghijklmnopqrstuvwxyz_0123456789"))),
		"most reasons":                           try(NewInbound(always("s", Drop, manyReasons(MaxReasons)...))),
		"a reason named like a stage":            try(NewInbound(always("s", Drop, "s"))),
		"no plaintext before open":               try(NewInbound(reader{a, false}, opener{b}, x)),
		"plaintext after open":                   try(NewInbound(opener{b}, reader{a, true})),
		"no plaintext after seal":                try(NewOutbound(newPack("p"), sealer{b}, reader{a, false})),
		"plaintext before seal":                  try(NewOutbound(x, newPack("p"), reader{a, true}, sealer{b})),
		"no cipher at all":                       try(NewInbound(reader{a, true}, b)),
		"guard before splitter":                  try(NewInbound(guard{a, "floods"}, newSplit("s"), b)),
		"guard that splits":                      try(NewInbound(a, guardingSplit{newSplit("s")}, b)),
		"guard that packs":                       try(NewOutbound(a, guardingPack{newPack("p")}, b)),
		"guard after packer":                     try(NewOutbound(a, newPack("p"), guard{b, "plaintext"})),
		"guard inserted and removed":             try(NewInbound(a).InsertAfter("a", guard{x, "cosmic rays"}).Remove("x")),
		"guard replaced by one against the same": try(NewInbound(guard{a, "floods"}, b).Replace("a", guard{x, "floods"})),
		"guard moved":                            try(NewInbound(guard{a, "floods"}, b).Remove("a").InsertAfter("b", guard{a, "floods"})),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, err)
		})
	}
}

func TestInsecureWithout(t *testing.T) {
	build := func(opts ...Option) error {
		_, err := NewInbound(guard{accept("cookie"), "spoofed floods"}, guard{accept("replay"), "replays"}, accept("c")).
			Remove("cookie").Remove("replay").Build(opts...)
		return err
	}
	require.NoError(t, build(InsecureWithout("cookie"), InsecureWithout("replay")))
	require.ErrorIs(t, build(InsecureWithout("c")), ErrUnguarded)

	err := build(InsecureWithout("cookie"))
	require.ErrorIs(t, err, ErrUnguarded)
	require.ErrorContains(t, err, `"replay"`, "each guard needs an option of its own")
	require.NotContains(t, err.Error(), `"cookie"`)
}

// Later calls of the Builder do not change a chain that was built.
func TestBuiltChainIsImmutable(t *testing.T) {
	own := []Stage{accept("a"), always("b", Drop), accept("c")}
	b := NewInbound(own...)
	own[0] = nil
	first, err := b.Build()
	require.NoError(t, err)

	b.Replace("b", always("x", Consumed)).InsertBefore("a", accept("y")).Remove("c")
	second, err := b.Build()
	require.NoError(t, err)
	first.Stages()[0] = nil
	first.DropLabels()[0].Stage = "z"

	require.Equal(t, "a b c", names(first.Stages()))
	require.Equal(t, "y a x", names(second.Stages()))
	require.Equal(t, Drop, first.Process(packet()))
	require.Equal(t, Consumed, second.Process(packet()))
	require.Equal(t, map[string]DropCount{"b/unspecified": {Packets: 1}}, drops(counts(t, first)))
	require.Equal(t, "a", first.DropLabels()[0].Stage)

	b.Remove("nobody")
	_, err = b.Build()
	require.ErrorIs(t, err, ErrUnknownAnchor)
	require.Equal(t, Drop, first.Process(packet()))
}

type sealingPack struct{ pack }

func (sealingPack) SealsPlaintext() {}

// A packer may seal the packets that it makes.
func TestPackerThatSeals(t *testing.T) {
	c := outbound(t, accept("m"), sealingPack{newPack("p")}, reader{accept("h"), false})
	require.Equal(t, []string{"m", "p", "h"}, c.Names())
	require.ErrorIs(t, try(NewOutbound(sealingPack{newPack("p")}, accept("h"))), ErrOrder)
}
