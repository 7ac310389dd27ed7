//go:build !race

package intentra_test

const underRace = false
