// Package histogram counts durations in buckets whose width is at most 1/32 of
// their value. With 15 kB, quantiles of any number of durations are accurate to
// about 3 %. Recording takes no lock.
package histogram
