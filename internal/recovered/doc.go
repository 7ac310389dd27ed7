// Package recovered wraps interfaces that users implement, so that a panic in one
// is counted and does not end the goroutine that calls it. A call of runtime.Goexit
// ends that goroutine; it is counted, too.
package recovered
