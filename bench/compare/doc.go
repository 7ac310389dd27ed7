// Package compare runs trials of several contenders in turn: a comparison in
// rounds, with medians, ratios and tables, and a sweep over a range of loads,
// with figures.
package compare
