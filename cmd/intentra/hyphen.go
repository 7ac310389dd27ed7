package main

import (
	"regexp"
	"strings"
)

// joinNegative writes --flag -5 as --flag=-5. kong would take -5 for a flag,
// and no flag of ours begins with a digit.
func joinNegative(args []string) []string {
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if n := len(joined); n > 0 && negativeNumber.MatchString(arg) && flagAlone.MatchString(joined[n-1]) {
			joined[n-1] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

var (
	negativeNumber = regexp.MustCompile(`^-\.?[0-9]`)
	flagAlone      = regexp.MustCompile(`^--[^=]+$`)
)

// withoutHint takes kong's hint out of a message where following it would not
// help: it says to join a flag and a value that begins with a hyphen, such as
// --rate="--intent", but only a file's name begins with one, and hardly with
// two.
func withoutHint(text string) string {
	at := strings.LastIndex(text, "; perhaps try --")
	if at < 0 || rightHint.MatchString(text) {
		return text
	}
	return text[:at]
}

var rightHint = regexp.MustCompile(`: expected ` + fileContext + ` value but got "-[^-]`)
