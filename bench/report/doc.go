// Package report turns measurements of several rounds into medians, ratios and
// tables.
package report
