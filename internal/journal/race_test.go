//go:build race

package journal_test

// raceDetector: it allocates by itself.
const raceDetector = true
