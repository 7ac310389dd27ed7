package main

import (
	"testing"

	"github.com/intentra/intentra/fuzz"
)

// An authenticated peer can send any message. None makes the stage panic, change
// anything but its message, or drop without a declared reason.
func FuzzGeofence(f *testing.F) { fuzz.Stage(f, newGeofence, fuzz.AllocFree()) }
