package pack

import (
	"testing"

	"github.com/intentra/intentra/fuzz"
)

// FuzzStageLaws holds the stage to the laws of package fuzz.
func FuzzStageLaws(f *testing.F) {
	fuzz.Stage(f, New, fuzz.AllocFree())
}
