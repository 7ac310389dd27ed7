package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/swarm"
)

// simulate runs `intentra sim` with the arguments.
func simulate(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = runContext(t.Context(), append([]string{"sim"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// lastLine decodes the last line of standard output.
func lastLine(t *testing.T, stdout string, into any) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), into), stdout)
}

func TestSimSwarm(t *testing.T) {
	code, out, errs := simulate(t, "", "--seeds", "10", "--hours", "0.002", "--peers", "4", "--json")
	require.Equal(t, exitOK, code, errs)
	var r swarmResult
	lastLine(t, out, &r)
	require.EqualValues(t, 10, r.Seeds)
	require.Positive(t, r.PeerHours)
	require.Positive(t, r.Delivered)
	require.NotNil(t, r.Failures)
	require.Empty(t, r.Failures)
	require.False(t, r.Interrupted)

	code, out, _ = simulate(t, "", "--seeds", "3", "--hours", "0.002")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "3 seeds from 1, ")
	require.Contains(t, out, " 0 failed\n")
}

// Failed scenarios are listed with the command that repeats them, and the exit
// code is 1.
func TestSimSwarmFailures(t *testing.T) {
	r := swarmResult{Seeds: 9, First: 1}
	r.Failures = []seedFailure{{Seed: 7, Error: "seed 7: bad", Script: []string{"seed 7", "node a"}, ScriptError: "line 2", Repeat: "intentra sim --seed 7"}}
	var out strings.Builder
	require.NoError(t, r.write(&out))
	for _, want := range []string{
		"FAILED seed 7: seed 7: bad\n", "to repeat it: intentra sim --seed 7 --trace", "\n    seed 7\n    node a\n", "1 failed",
	} {
		require.Contains(t, out.String(), want)
	}
}

// An interrupt ends the run, with the results so far.
func TestSimInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	code := runContext(ctx, []string{"sim", "--seeds", "1000000", "--json"}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitOK, code, errs.String())
	var r swarmResult
	lastLine(t, out.String(), &r)
	require.True(t, r.Interrupted)
	require.Zero(t, r.Seeds)
	require.Contains(t, errs.String(), "sim: done 0/1000000 seeds")

	out.Reset()
	code = runContext(ctx, []string{"sim", "--seed", "1", "--json"}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitOK, code, errs.String())
	var one oneResult
	lastLine(t, out.String(), &one)
	require.True(t, one.Interrupted)
	require.Empty(t, one.Error)
	out.Reset()
	code = runContext(ctx, []string{"sim", "--seeds", "5"}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitOK, code, errs.String())
	require.Contains(t, out.String(), "interrupted: only seeds that were run to the end are counted\n0 seeds from 1")
	out.Reset()
	code = runContext(ctx, []string{"sim", "--seed", "1"}, strings.NewReader(""), &out, &errs)
	require.Equal(t, exitOK, code, errs.String())
	require.Contains(t, out.String(), "; interrupted, the rest was not run\n")
}

// An interrupt ends a script in the middle of a long step.
func TestSimInterruptedInAStep(t *testing.T) {
	script := "node a\nnode b\nload a b latest 0 every=1ns\nrun 1000h\n"
	r := start(t, strings.NewReader(script), "sim", "--script", "-", "--json")
	r.stderr.line(t, "simulated") // progress is shown
	r.interrupt()
	r.succeed()
	var one oneResult
	lastLine(t, r.stdout.String(), &one)
	require.True(t, one.Interrupted)
}

// A swarm with failures exits with code 1 and lists each of them: its error, how to
// repeat it, and the smallest script that fails in the same way.
func TestSimSwarmThatFails(t *testing.T) {
	e, out, errs := testEnvironment(t)
	c := &simCmd{Seeds: 3, First: 5, Hours: 0.002, Peers: 4, JSON: true}
	c.generate = func(seed uint64, s swarm.Settings) []string {
		lines := swarm.Generate(seed, s)
		if seed == 6 {
			lines = append(lines, "expect delivered n0 > 1000000")
		}
		return lines
	}
	require.Equal(t, exitFailure, report(e, c.swarm(e)))
	require.Contains(t, errs.String(), "intentra: sim: 1 of 3 seeds failed")
	var r swarmResult
	lastLine(t, out.String(), &r)
	require.EqualValues(t, 3, r.Seeds)
	require.Len(t, r.Failures, 1)
	f := r.Failures[0]
	require.EqualValues(t, 6, f.Seed)
	require.Contains(t, f.Error, "seed 6: line ")
	require.Contains(t, f.Error, "which is not > 1000000")
	require.Equal(t, "intentra sim --seed 6 --hours 0.002 --peers 4", f.Repeat)
	require.Equal(t, []string{"seed 6", "node n0", "expect delivered n0 > 1000000"}, slices.DeleteFunc(f.Script, func(l string) bool { return strings.HasPrefix(l, "settle ") }))
	require.Contains(t, f.ScriptError, "delivered n0 is 0, which is not > 1000000")

	var text strings.Builder
	require.NoError(t, r.write(&text))
	require.Contains(t, text.String(), f.Error+"\n  to repeat it: "+f.Repeat+" --trace\n")
	require.Contains(t, text.String(), f.ScriptError)
}

// A call that does not return ends the run, and is reported with its seed.
func TestSimHangs(t *testing.T) {
	e, out, errs := testEnvironment(t)
	c := &simCmd{Seeds: 1000, First: 7, Hours: 0.002, Peers: 4, JSON: true}
	c.generate = func(seed uint64, s swarm.Settings) []string {
		if seed >= 8 {
			<-t.Context().Done()
			return nil
		}
		return swarm.Generate(seed, s)
	}
	g := newGuard(t.Context())
	g.patience = 0 // every scenario without a step since the last check hangs
	require.Equal(t, exitFailure, report(e, c.swarmWith(e, g)))
	require.Contains(t, errs.String(), "hangs: the simulation made no step for")
	require.Contains(t, errs.String(), "goroutine ", "where it hangs")
	var r swarmResult
	lastLine(t, out.String(), &r)
	require.Len(t, r.Failures, 1)
	require.Contains(t, r.Failures[0].Error, "hangs")
	require.Contains(t, r.Failures[0].Repeat, "intentra sim --seed ")
}

func TestGuard(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := newGuard(ctx)
	require.Nil(t, g.run(func() {}))
	h := g.begin(3)
	require.False(t, h.stop())
	require.Nil(t, g.hung())
	h.began = h.began.Add(-hangPatience / 2)
	require.Nil(t, g.hung())
	h.began = h.began.Add(-hangPatience / 2)
	require.ErrorContains(t, g.hung(), "seed 3 hangs")
	seed, _, ok := g.oldest()
	require.True(t, ok)
	require.EqualValues(t, 3, seed)
	require.False(t, h.stop())
	require.Nil(t, g.hung(), "it goes on")
	h.began = h.began.Add(-2 * interruptedPatience)
	require.Nil(t, g.hung())
	cancel()
	require.NotNil(t, g.hung(), "it was asked to stop")
	require.True(t, h.stop())
	h.end()
	require.Nil(t, g.hung())
}

// testEnvironment returns an environment whose output a test can read.
func testEnvironment(t *testing.T) (e *environment, stdout, stderr *strings.Builder) {
	stdout, stderr = new(strings.Builder), new(strings.Builder)
	return &environment{ctx: t.Context(), stdin: strings.NewReader(""), stdout: stdout, stderr: &lockedWriter{w: stderr}}, stdout, stderr
}

func TestSimSeed(t *testing.T) {
	var first, second oneResult
	_, out, _ := simulate(t, "", "--seed", "5", "--hours", "0.002", "--json")
	lastLine(t, out, &first)
	code, out, errs := simulate(t, "", "--seed", "5", "--hours", "0.002", "--trace")
	require.Equal(t, exitOK, code, errs)
	require.True(t, strings.HasPrefix(out, "seed 5\nnode n0"), out)
	require.Contains(t, out, "\n> ")
	require.Contains(t, out, "trace "+first.Trace)
	require.Len(t, first.Trace, 64)
	_, out, _ = simulate(t, "", "--seed", "6", "--hours", "0.002", "--json")
	lastLine(t, out, &second)
	require.NotEqual(t, first.Trace, second.Trace)
}

func TestSimScript(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s.txt")
	const text = "seed 4\nnode a\nnode b\ndial a b\nrun 1s\n> 25ms b: up a\n> 30ms a: up b\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	code, out, errs := simulate(t, "", "--script", file, "--trace")
	require.Equal(t, exitOK, code, errs)
	require.True(t, strings.HasPrefix(out, text), out)
	code, out, errs = simulate(t, text+"expect apart a b\n", "--script", "-", "--seed", "9")
	require.Equal(t, exitFailure, code)
	require.Contains(t, errs, "intentra: sim: seed 9: line 8: expect apart a b: expectation: a and b are not apart")
	require.Contains(t, out, "to repeat it, save the script as FILE and run: intentra sim --script FILE --seed 9 --trace")
	for _, flag := range []string{"--trace", "--json"} {
		code, _, errs = simulate(t, strings.Replace(text, "25ms", "26ms", 1), "--script", "-", flag)
		require.Equal(t, exitFailure, code)
		require.Contains(t, errs, "unexpected output")
	}
	code, out, errs = simulate(t, "node a\nnode b\nsend a b latest 1 x\n", "--script", "-")
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "0 delivered, 1 refused, trace ")
}

// A full disk is reported for every kind of output.
func TestSimFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer full.Close()
	for _, args := range [][]string{
		{"--seed", "5", "--hours", "0.001"}, {"--seed", "5", "--hours", "0.001", "--trace"}, {"--seed", "5", "--hours", "0.001", "--json"},
		{"--seeds", "1", "--hours", "0.001"},
	} {
		var errs strings.Builder
		require.Equal(t, exitFailure, runContext(t.Context(), append([]string{"sim"}, args...), strings.NewReader(""), full, &errs), args)
		require.Contains(t, errs.String(), "no space left")
	}
}

func TestSimWrongInput(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"--peers 1", "--peers is 1; give 2 to 64"},
		{"--peers 65", "give 2 to 64"},
		{"--hours 0", "--hours is 0; give"},
		{"--hours -1", "--hours"},
		{"--hours 1e9", "--hours is 1e+09"},
		{"--hours NaN", "--hours is NaN"},
		{"--seeds 0", "give at least one seed"},
		{"--seeds 2 --first 18446744073709551615", "none beyond 2^64-1"},
		{"--trace", "--trace needs --seed or --script"},
		{"--matrix --speed", "--matrix and --speed exclude each other"},
		{"--matrix --seed 1", "--matrix and --seed exclude each other"},
		{"--seed 1 --seeds 5", "--seed and --seeds exclude each other"},
		{"--seed 1 --first 1", "--seed and --first exclude each other"},
		{"--script - --hours 0.05", "--script and --hours exclude each other"},
		{"--script - --peers 6", "--script and --peers exclude each other"},
		{"--speed --trace", "--speed and --trace exclude each other"},
		{"--script=", "--script is empty"},
		{"--script /dev/null", "the script has no step"},
		{"--script /no/such/file", "no such file"},
		{"--script -", "script: line 1: \"x\" is not a command"},
		{"more", "unexpected argument more"},
	} {
		code, _, errs := simulate(t, "x", strings.Fields(tc.args)...)
		require.Equal(t, exitUsage, code, tc.args)
		require.Contains(t, errs, tc.want, tc.args)
	}
}

func TestMatrixTable(t *testing.T) {
	var out strings.Builder
	rows, failed := writeMatrix(&out, []matrixRow{
		{Loss: 0.05, DelayMs: 10, Reorder: 0.3, Duplicate: 0.01, Realtime: 0.95123, RealtimeSent: 30400, Reliable: 1, ReliableSent: 2000, ReliableS: 4.1, done: true},
		{Error: "wrong", done: true},
		{Loss: 1},
	})
	require.Len(t, rows, 2)
	none, _ := writeMatrix(io.Discard, nil)
	require.NotNil(t, none)
	require.Equal(t, 1, failed)
	require.Contains(t, out.String(), "| 5 % | 10 ms | 30 % | 1 % | 95.12 % | 30400 | 100 % | 2000 | 4.10 s | 0 |\n")
	require.Contains(t, out.String(), "FAILED: wrong")
}
