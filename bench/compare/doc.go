// Package compare measures all contenders in turn, in several rounds, and sets
// them in relation.
package compare
