//go:build race

package intentra_test

// underRace: the race detector allocates by itself.
const underRace = true
