package main

import (
	"testing"

	"github.com/intentra/intentra/fuzz"
)

// Whatever a peer sends: the stage does not panic, touches nothing but its
// message, and says why it drops.
func FuzzGeofence(f *testing.F) { fuzz.Stage(f, newGeofence, fuzz.AllocFree()) }
