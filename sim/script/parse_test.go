package script

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/sim"
)

// A wrong line is an error that says its number, what is wrong, and what to
// write.
func TestSyntaxErrors(t *testing.T) {
	for line, want := range map[string]string{
		"nod x":            `"nod" is not a command; the commands are addaddr, await, close,`,
		"> out of nothing": "output must follow a step",
		"node":             "a name is missing; write: node NAME",
		"node a,b":         "is not a name",
		"node a":/* there is one */ "there is a node \"a\" already",
		"node c rekey=3":                       "RekeyAfterPackets is 3, must be from 16",
		"node c rekey":                         "rekey needs a value",
		"node c rekey=32 rekey=32":             "rekey is there twice",
		"node c colour=red":                    `"colour" is no setting here; there are allow,`,
		"node c suite=rot13":                   `"rot13" is no suite; there are aesgcm, chachapoly`,
		"node c roaming=maybe":                 "neither yes nor no",
		"seed 3":                               "not the first step",
		"seed x":                               "is neither a number",
		"dial a":                               "the name of a node is missing; write: dial A B",
		"dial a a":                             "a and a are the same",
		"dial a c":                             `there is no node "c" above; there are a, b`,
		"dial a b now":                         `"now" is too much`,
		"net los=0.1":                          `"los" is no setting here; there are burst, corrupt,`,
		"net loss=2":                           `loss: "2" is not a number from 0 to 1`,
		"net loss=NaN":                         "is not a number from 0 to 1",
		"net burst=1":                          "is no ENTER/LEAVE/LOSS",
		"net burst=1/2/3":                      "from 0 to 1",
		"net cut=1":                            "neither yes nor no",
		"net delay=48h":                        "Delay is 48h0m0s",
		"link a b rate=-1":                     "no whole number",
		"addaddr a 1.2.3":                      "is not an IP address such as",
		"dropaddr a":                           "which one is missing; write: dropaddr A N",
		"name a":                               "what its name resolves to is missing",
		"name a own,b":                         `there is no node "own"`,
		"name a b,192.0.2.1":                   `there is no node "192.0.2.1" above`,
		"lookup a soon":                        `"soon" is no time`,
		"partition a":                          "a group of nodes such as a,b is missing",
		"partition a,b a":                      "a is in two groups",
		"partition a c":                        `there is no node "c"`,
		"run 5":                                `"5" is no time`,
		"run -5s":                              "is no time from 0s",
		"send a b loud 1 x":                    `"loud" is no intent; there are latest, realtime, reliable`,
		`send a b latest 1 "x`:                 "the quotation does not end",
		"load a b latest 1":                    "every is missing",
		"load a b latest 1 every=1s size=9..3": "nor a range",
		"load a b latest 1 every=1s size=0..x": "no whole number",
		"load a b latest 1 every=1s size=0..1e99": "no whole number",
		"record 0":                     "not from 1 to",
		"inject a b 0":                 "odd length",
		"inject a nowhere 00":          `there is no node "nowhere"`,
		"garbage a 99999":              "more than 65536",
		"expect":                       "a condition is missing",
		"expect happiness a = 1":       `"happiness" is no condition; there are connected,`,
		"expect handshakes/none a = 1": "no condition",
		"expect drops/ a = 1":          "no condition",
		"expect delivered a == 1":      `"==" compares nothing`,
		"expect delivered c = 1":       "no node",
		"await connected a b":          "is no time",
	} {
		_, err := ParseLines([]string{"# comment", "", "node a", "node b", line})
		if strings.HasPrefix(line, ">") {
			_, err = ParseLines([]string{line})
			require.ErrorContains(t, err, "line 1: "+want)
			continue
		}
		require.ErrorIs(t, err, ErrSyntax, line)
		require.ErrorContains(t, err, "line 5: ", line)
		require.ErrorContains(t, err, want, line)
	}
}

func TestParse(t *testing.T) {
	s, err := Parse(strings.NewReader("# one\n\n  seed 99 \nnode a\n> x\n>   y\n>\nsend a * latest 1 \"b \\\"c\\\"\"\n"))
	require.NoError(t, err)
	require.EqualValues(t, 99, s.Seed)
	require.Equal(t, []string{"seed 99", "node a", `send a * latest 1 "b \"c\""`}, s.Lines())
	require.True(t, s.HasOutput())
	require.Equal(t, []string{"x", "  y", ""}, s.Steps[3].Want)
	require.Equal(t, 4, s.Steps[3].Line)
	require.Equal(t, []string{"send", "a", "*", "latest", "1", `b "c"`}, s.Steps[4].Words())
	require.True(t, s.Steps[0].Comment())
	_, err = ParseLines([]string{strings.Repeat("x", maxLine+1)})
	require.ErrorIs(t, err, ErrSyntax)
}

// FuzzParse feeds Parse any text. Parse returns an error, or accepts the text
// again after its comments are removed.
func FuzzParse(f *testing.F) {
	f.Add("node a\nnode b\ndial a b\nrun 1s\n> x\nsettle 5s")
	f.Add(`send a b latest 1 "\x"`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, ErrSyntax)
			return
		}
		again, err := ParseLines(s.Lines())
		require.NoError(t, err)
		require.Equal(t, s.Lines(), again.Lines())
	})
}

func TestRunErrors(t *testing.T) {
	for text, want := range map[string]struct {
		err  error
		text string
	}{
		"node a\nexpect delivered a > 0":                                                  {ErrExpectation, "seed 1: line 2: expect delivered a > 0: expectation: delivered a is 0, which is not > 0"},
		"node a\nnode b\nexpect connected a b":                                            {ErrExpectation, "a and b are not connected"},
		"node a\nnode b\nawait 1s connected a b":                                          {ErrExpectation, "within 1s: a and b"},
		"node a\nnode b\nrecord 1\nreplay a\nreplay b\nrun 1s\nexpect drops/header a = 1": {ErrExpectation, "drops/header a is 0"},
		"node a\nexpect drops/nosuch a = 0":                                               {ErrExpectation, "no node has a stage that drops for nosuch"},
		"node a\nexpect drops/replay/nosuch a = 0":                                        {ErrExpectation, "no node has a stage that drops for replay/nosuch"},
		"node a\nreplay a":                                                                {errNothingRecorded, "add a record step before"},
		"node a\n> something":                                                             {ErrOutput, `line 1 is missing, want "something"`},
		"node a\nshow a\n> x\n> y":                                                        {ErrOutput, `line 1 is "", want "x"`},
	} {
		s, err := Parse(strings.NewReader(text))
		require.NoError(t, err, text)
		result, err := s.Run(Options{Verify: true})
		require.Error(t, err, text)
		if want.err != nil {
			require.ErrorIs(t, err, want.err, text)
		}
		require.ErrorContains(t, err, want.text, text)
		require.NotNil(t, result.Failed)
	}
}

// A run returns the same result with any of its Options.
func TestRunResult(t *testing.T) {
	s, err := ParseLines([]string{"node a", "node b", "dial a b", "run 1s", "load a b reliable 1 every=10ms count=20", "run 1s", "restart b", "settle 20s"})
	require.NoError(t, err)
	var told []string
	loud, err := s.Run(Options{Output: func(l string) { told = append(told, l) }})
	require.NoError(t, err)
	quiet, err := s.Run(Options{Quiet: true})
	require.NoError(t, err)
	require.Equal(t, loud.Hash, quiet.Hash)
	require.Empty(t, quiet.Text)
	require.NotEmpty(t, told)
	require.Contains(t, loud.Text, "run 1s\n> "+told[0]+"\n")
	require.GreaterOrEqual(t, loud.Delivered, uint64(22))
	require.Equal(t, 2*loud.Elapsed, loud.PeerTime)
	require.EqualValues(t, 1, loud.Seed)

	seed := uint64(2)
	other, err := s.Run(Options{Quiet: true, Seed: &seed})
	require.NoError(t, err)
	require.NotEqual(t, loud.Hash, other.Hash)

	refused, err := ParseLines([]string{"node a message=1", "node b", "send a b latest 4294967295 x", "dial a b", "run 1s", "load a b latest 1 every=1s size=1400 count=3", "run 5s"})
	require.NoError(t, err)
	result, err := refused.Run(Options{Quiet: true})
	require.NoError(t, err)
	require.EqualValues(t, 4, result.Refused)

	failing, err := ParseLines([]string{"node a", "run 1s", "expect delivered a > 1", "run 2s"})
	require.NoError(t, err)
	result, err = failing.Run(Options{})
	require.ErrorIs(t, err, ErrExpectation)
	require.Equal(t, "node a\nrun 1s\nexpect delivered a > 1\n", result.Text, "the steps that were run")

	asked := 0
	_, err = s.Run(Options{Quiet: true, Stop: func() bool { asked++; return asked == 2 }})
	require.ErrorIs(t, err, ErrStopped)
	// Stop also works in the middle of a step, however little time passes in it.
	endless, err := ParseLines([]string{"node a", "node b", "load a b latest 1 every=1ns", "run 100h"})
	require.NoError(t, err)
	asked = 0
	stopped, err := endless.Run(Options{Quiet: true, Stop: func() bool { asked++; return asked == 10 }})
	require.ErrorIs(t, err, ErrStopped)
	require.Less(t, stopped.Elapsed, time.Second)

	prepared := time.Duration(-1)
	_, err = s.Run(Options{Quiet: true, Prepare: func(w *sim.World) { prepared = w.Elapsed() }})
	require.NoError(t, err)
	require.Zero(t, prepared)
}

// The documentation lists every setting.
func TestSettingsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, table := range [][]string{
		slices.Collect(maps.Keys(nodeSettings)), slices.Collect(maps.Keys(linkSettings)), slices.Collect(maps.Keys(loadSettings)),
	} {
		for _, name := range table {
			require.Regexp(t, `[ \t\[]`+name+"=", string(text))
		}
	}
}
