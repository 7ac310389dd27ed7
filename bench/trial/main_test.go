package trial_test

import (
	"os"
	"testing"

	"github.com/intentra/intentra/bench/trial"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == trial.ChildArgument {
		trial.Child()
	}
	os.Exit(m.Run())
}
