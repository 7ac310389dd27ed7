package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"
)

func TestVerdictIsDropUnlessNamedOtherwise(t *testing.T) {
	for v := range Verdict(1 << 12) {
		require.Equal(t, v != Accept && v != Consumed, v.Dropped(), "%d", v)
	}
	var zero Verdict
	require.Equal(t, Drop, zero)
}

func TestDropReasons(t *testing.T) {
	const undeclared = DropFirst + 2
	for _, tt := range []struct {
		name    string
		verdict Verdict
		reason  string
	}{
		{"zero", Verdict(0), "unspecified"},
		{"first", DropFirst, "outside"},
		{"last", DropFirst + 1, "late"},
		{"undeclared", undeclared, "unspecified"},
		{"undeclared, largest", 255, "unspecified"},
		{"no verdict", Accept | DropFirst, "unspecified"},
		{"no verdict, largest", 0xffff, "unspecified"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := inbound(t, accept("before"), always("fence", tt.verdict, "outside", "late"), accept("behind"))
			require.True(t, c.Process(packet()).Dropped())
			require.Equal(t, map[string]DropCount{"fence/" + tt.reason: {Packets: 1}}, drops(counts(t, c)))
			stage, reason := c.LastDrop()
			require.Equal(t, [2]string{"fence", tt.reason}, [2]string{stage, reason})
		})
	}
}

// A stage may name up to MaxReasons reasons, each with a row of its own.
func TestMostReasons(t *testing.T) {
	var v Verdict
	reasons := manyReasons(MaxReasons)
	c := inbound(t, Func("s", reasons, func(*Packet) Verdict { return v }))
	for v = DropFirst; int(v) <= MaxReasons; v++ {
		c.Process(packet())
	}
	n := drops(counts(t, c))
	require.Len(t, n, MaxReasons)
	for _, r := range reasons {
		require.Equal(t, DropCount{Packets: 1}, n["s/"+r])
	}
}

func TestLastDropIsEmptyBeforeTheFirst(t *testing.T) {
	for _, c := range []*Inbound{inbound(t), inbound(t, accept("a"))} {
		require.Equal(t, Accept, c.Process(packet()))
		stage, reason := c.LastDrop()
		require.Empty(t, stage+reason)
	}
}

// The text form of an intent parses to the same intent; the zero intent has that of
// Realtime.
func TestIntentText(t *testing.T) {
	for n := range 256 {
		i := Intent(n)
		text, err := i.MarshalText()
		if i > Reliable {
			require.Error(t, err)
			require.Equal(t, "invalid", i.String())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, i.String(), string(text))
		got := ^i
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, max(i, Realtime), got)
	}
	for _, bad := range []string{"", "invalid", "Latest", "1"} {
		i := Latest
		err := i.UnmarshalText([]byte(bad))
		for known := Realtime; known <= Reliable; known++ {
			require.ErrorContains(t, err, known.String())
		}
		require.Equal(t, Latest, i)
	}
}
