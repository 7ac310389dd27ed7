package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/load"
)

// TestProcessTime: the CPU time that /proc has of this process is the one that it knows itself.
func TestProcessTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc")
	}
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	before, err := load.ReadUsage()
	require.NoError(t, err)
	used, err := (&child{Cmd: &exec.Cmd{Process: self}}).cpu()
	require.NoError(t, err)
	after, err := load.ReadUsage()
	require.NoError(t, err)
	const tick = time.Second / ticksEach
	require.GreaterOrEqual(t, used, before.CPU-2*tick) // user and system time are rounded down
	require.LessOrEqual(t, used, after.CPU+2*tick)
}

// TestSubject: the share of a core, the time of a delivery and the ratio to another hub.
func TestSubject(t *testing.T) {
	alone := &subject{used: []time.Duration{time.Second, 2 * time.Second, time.Second}, made: []uint64{1000, 1000, 2000}}
	member := &subject{used: []time.Duration{2 * time.Second, time.Second, 1100 * time.Millisecond}}
	require.InDelta(t, 100*4.0/3/costEach.Seconds(), alone.share(), 1e-9)
	require.InDelta(t, 1000, alone.each(), 1e-9)
	require.Equal(t, "2.00 0.50 1.10 (median 1.10)", member.against(alone))
}

// TestShiftsFit: the places that trial clock changes are there.
func TestShiftsFit(t *testing.T) {
	for _, s := range shifts {
		_, _, err := s.read(t.Context())
		require.NoError(t, err)
	}
	_, _, err := (&shift{pkg: "time", file: "time.go", before: "no such line"}).read(t.Context())
	require.ErrorContains(t, err, "not as expected")
}
