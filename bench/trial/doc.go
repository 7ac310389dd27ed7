// Package trial arranges processes around one contender and measures with them.
package trial
