// Package nowait writes to pipes with a system call that never waits, of which the Go
// scheduler need not know.
//
// Before any other system call the scheduler wakes its monitor thread if the process was
// idle. In a program that writes a few hundred times a second, and sleeps between, that
// costs a quarter of all its CPU time.
package nowait
