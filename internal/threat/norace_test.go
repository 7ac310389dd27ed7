//go:build !race

package threat

const raceDetector = false
