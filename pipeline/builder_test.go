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
	x, y := accept("x"), accept("y")
	for _, tt := range []struct {
		name string
		edit func(*Builder)
		want string
	}{
		{"untouched", func(*Builder) {}, "a b c"},
		{"before first", func(b *Builder) { b.InsertBefore("a", x) }, "x a b c"},
		{"before last", func(b *Builder) { b.InsertBefore("c", x) }, "a b x c"},
		{"after first", func(b *Builder) { b.InsertAfter("a", x) }, "a x b c"},
		{"after last", func(b *Builder) { b.InsertAfter("c", x) }, "a b c x"},
		{"at an inserted one", func(b *Builder) { b.InsertAfter("a", x).InsertBefore("x", y) }, "a y x b c"},
		{"replace", func(b *Builder) { b.Replace("b", x) }, "a x c"},
		{"replace by its own name", func(b *Builder) { b.Replace("b", accept("b")) }, "a b c"},
		{"remove", func(b *Builder) { b.Remove("b") }, "a c"},
		{"remove all", func(b *Builder) { b.Remove("a").Remove("c").Remove("b") }, ""},
		{"insert and remove", func(b *Builder) { b.InsertAfter("b", x).Remove("x") }, "a b c"},
		{"name freed", func(b *Builder) { b.Remove("a").InsertAfter("c", accept("a")) }, "b c a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, start := range []func(...Stage) *Builder{NewInbound, NewOutbound} {
				b := start(accept("a"), accept("b"), accept("c"))
				tt.edit(b)
				require.Equal(t, tt.want, strings.Join(b.Names(), " "))
				c, err := b.Build()
				require.NoError(t, err)
				require.Equal(t, tt.want, names(c.Stages()))
			}
		})
	}
}

func TestBuilderRefuses(t *testing.T) {
	a, b, c := accept("a"), accept("b"), accept("c")
	x := accept("x")
	for _, tt := range []struct {
		name  string
		b     *Builder
		err   error
		words []string // the message names the culprits
	}{
		{"duplicate", NewInbound(a, b, accept("a")), ErrDuplicate, []string{`"a"`}},
		{"duplicate by insertion", NewInbound(a, b).InsertAfter("b", accept("a")), ErrDuplicate, []string{`"a"`}},
		{"duplicate by replacement", NewInbound(a, b).Replace("b", accept("a")), ErrDuplicate, []string{`"a"`}},

		{"before unknown", NewInbound(a, b).InsertBefore("q", x), ErrUnknownAnchor, []string{`"q"`, `["a" "b"]`}},
		{"after unknown", NewInbound(a, b).InsertAfter("q", x), ErrUnknownAnchor, []string{`"q"`}},
		{"replace unknown", NewInbound(a, b).Replace("q", x), ErrUnknownAnchor, []string{`"q"`}},
		{"remove unknown", NewInbound(a, b).Remove("q"), ErrUnknownAnchor, []string{`"q"`}},
		{"removed anchor", NewInbound(a, b).Remove("a").InsertAfter("a", x), ErrUnknownAnchor, []string{`"a"`}},
		{"first error is kept", NewInbound(a, b).Remove("q").Remove("r").InsertAfter("b", nil), ErrUnknownAnchor, []string{`"q"`}},

		{"nil", NewInbound(a, nil), ErrStage, []string{"stage 1"}},
		{"nil inserted", NewInbound(a).InsertBefore("a", nil), ErrStage, []string{"stage 0"}},
		{"nil in place", NewInbound(a).Replace("a", nil), ErrStage, []string{"stage 0"}},
		{"nil beside others", NewInbound(a, nil, b).InsertBefore("b", x), ErrStage, []string{"stage 1"}},

		{"no name", NewInbound(accept("")), ErrStage, []string{`""`}},
		{"upper case", NewInbound(accept("Geofence")), ErrStage, []string{`"Geofence"`}},
		{"hyphen", NewInbound(accept("geo-fence")), ErrStage, []string{`"geo-fence"`}},
		{"space", NewInbound(accept("geo fence")), ErrStage, []string{`"geo fence"`}},
		{"not ASCII", NewInbound(accept("zaun\u00e4")), ErrStage, []string{"stage 0"}},
		{"line break", NewInbound(accept("a\n")), ErrStage, []string{`"a\n"`}},

		{"bad reason", NewInbound(always("s", Drop, "fine", "not-fine")), ErrStage, []string{`"s"`, `"not-fine"`}},
		{"empty reason", NewInbound(always("s", Drop, "")), ErrStage, []string{`"s"`}},
		{"reserved reason", NewInbound(always("s", Drop, "unspecified")), ErrStage, []string{`"s"`, `"unspecified"`}},
		{"reserved reason too", NewInbound(always("s", Drop, "panic")), ErrStage, []string{`"s"`, `"panic"`}},
		{"reason twice", NewInbound(always("s", Drop, "r", "q", "r")), ErrStage, []string{`"s"`, `"r"`, "twice"}},
		{"too many reasons", NewInbound(always("s", Drop, manyReasons(MaxReasons+1)...)), ErrStage, []string{`"s"`, "251", "250"}},

		{"plaintext before open", NewInbound(a, opener{b}), ErrOrder, []string{`"a"`, `"b"`, "before", "ReadsPlaintext() false"}},
		{"plaintext far before open", NewInbound(reader{a, false}, c, reader{x, false}, opener{b}), ErrOrder, []string{`"c"`, `"b"`}},
		{"declared before open", NewInbound(reader{a, true}, opener{b}), ErrOrder, []string{`"a"`, `"b"`}},
		{"inserted before open", NewInbound(opener{b}).InsertBefore("b", x), ErrOrder, []string{`"x"`, `"b"`}},
		{"plaintext behind seal", NewOutbound(sealer{b}, a), ErrOrder, []string{`"a"`, `"b"`, "behind"}},
		{"declared behind seal", NewOutbound(newPack("p"), sealer{b}, reader{a, true}), ErrOrder, []string{`"a"`, `"b"`}},
		{"inserted behind seal", NewOutbound(sealer{b}).InsertAfter("b", x), ErrOrder, []string{`"x"`, `"b"`}},
		{"packer behind seal", NewOutbound(sealer{b}, newPack("p")), ErrOrder, []string{`"b"`, `"p"`}},
		{"packer behind seal, in disguise", NewOutbound(sealer{b}, disguisedPack{newPack("p")}), ErrOrder, []string{`"b"`, `"p"`}},

		{"two splitters", NewInbound(newSplit("a"), b, newSplit("c")), ErrOrder, []string{`"a"`, `"c"`}},
		{"two packers", NewOutbound(newPack("a"), b, newPack("c")), ErrOrder, []string{`"a"`, `"c"`}},
		{"guard behind splitter", NewInbound(newSplit("a"), guard{b, "replays"}), ErrOrder, []string{`"a"`, `"b"`}},
		{"guard before packer", NewOutbound(guard{b, "floods"}, newPack("a")), ErrOrder, []string{`"a"`, `"b"`}},

		{"guard removed", NewInbound(guard{a, "floods"}, b).Remove("a"), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard replaced", NewInbound(guard{a, "floods"}, b).Replace("a", x), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard replaced by another", NewInbound(guard{a, "floods"}, b).Replace("a", guard{x, "replays"}), ErrUnguarded, []string{`"a"`, "floods"}},
		{"guard removed outbound", NewOutbound(guard{a, "plaintext"}, b).Remove("a"), ErrUnguarded, []string{`"a"`, "plaintext"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tt.b.Build()
			require.Nil(t, c)
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

// disguisedPack is a packer that claims not to read plaintext.
type disguisedPack struct{ pack }

func (disguisedPack) ReadsPlaintext() bool { return false }

func TestBuilderAllows(t *testing.T) {
	a, b, x := accept("a"), accept("b"), accept("x")
	for name, bl := range map[string]*Builder{
		"nothing":                     NewInbound(),
		"all of the alphabet":         NewInbound(accept("abcdefghijklmnopqrstuvwxyz_0123456789")),
		"most reasons":                NewInbound(always("s", Drop, manyReasons(MaxReasons)...)),
		"a reason named like a stage": NewInbound(always("s", Drop, "s")),
		"no plaintext before open":    NewInbound(reader{a, false}, opener{b}, x),
		"plaintext behind open":       NewInbound(opener{b}, reader{a, true}),
		"no plaintext behind seal":    NewOutbound(newPack("p"), sealer{b}, reader{a, false}),
		"plaintext before seal":       NewOutbound(x, newPack("p"), reader{a, true}, sealer{b}),
		"no cipher at all":            NewInbound(reader{a, true}, b),
		"guard before splitter":       NewInbound(guard{a, "floods"}, newSplit("s"), b),
		"guard that splits":           NewInbound(a, guardingSplit{newSplit("s")}, b),
		"guard that packs":            NewOutbound(a, guardingPack{newPack("p")}, b),
		"guard behind packer":         NewOutbound(a, newPack("p"), guard{b, "plaintext"}),
		"guard put in by the user":    NewInbound(a).InsertAfter("a", guard{x, "cosmic rays"}).Remove("x"),
		"guard replaced by its equal": NewInbound(guard{a, "floods"}, b).Replace("a", guard{x, "floods"}),
		"guard moved":                 NewInbound(guard{a, "floods"}, b).Remove("a").InsertAfter("b", guard{a, "floods"}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bl.Build()
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
	require.ErrorContains(t, err, `"replay"`, "each guard must be spared by its own name")
	require.NotContains(t, err.Error(), `"cookie"`)
}

// What Build has returned stays as it is.
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
