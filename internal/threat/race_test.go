//go:build race

package threat

const raceDetector = true
