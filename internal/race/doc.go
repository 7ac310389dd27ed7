// Package race tells tests whether the race detector is on. It allocates, and
// makes code several times slower.
package race
