package race

import "testing"

// SkipHistory skips a test under the race detector that simulates a long history in one
// goroutine: the detector makes it ten to twenty times as slow, and has nothing to
// find. The run without the detector covers it.
func SkipHistory(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("a long history of one goroutine, in which the race detector has nothing to find")
	}
}
