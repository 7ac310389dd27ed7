package stages_test

import (
	"testing"

	"github.com/intentra/intentra/fuzz/chain"
)

// FuzzChain runs the default chains against all attackers of package fuzz/chain:
// strangers, observers that replay, withhold and change packets, and malicious peers
// that hold keys.
func FuzzChain(f *testing.F) { chain.Fuzz(f, nil) }
