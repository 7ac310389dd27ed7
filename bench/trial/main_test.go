package trial_test

import (
	"os"
	"testing"

	"github.com/intentra/intentra/bench/remote"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == remote.Argument {
		remote.Child()
	}
	os.Exit(m.Run())
}
