package stages_test

import (
	"testing"

	"github.com/intentra/intentra/fuzz/chain"
)

// FuzzChain is everyone at once, as package fuzz/chain has them: strangers,
// observers who repeat, hold back and change what they have seen, and malicious
// peers with keys.
func FuzzChain(f *testing.F) { chain.Fuzz(f, nil) }
