package main

import (
	"fmt"
	"regexp"
	"strings"
)

// joinNegative rewrites --flag -5 as --flag=-5. kong would parse -5 as a flag,
// and none of our flags begins with a digit.
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

// parseMessage returns the text of an error of kong, in our words where its own would
// puzzle a user.
func parseMessage(err error) string {
	text := withoutHint(message(err))
	if rest, ok := strings.CutPrefix(text, "unexpected argument "); ok && selected(err) == nil {
		name, hint, _ := strings.Cut(rest, ",")
		text = fmt.Sprintf("%q is not a command", name)
		if hint != "" {
			text += ";" + hint
		}
	}
	return missingValue.ReplaceAllString(text, ": its value is missing")
}

var missingValue = regexp.MustCompile(`: expected \S+ value but got "EOL" \(<EOL>\)`)

// withoutHint removes kong's hint from a message if following it would not help.
// The hint suggests joining a flag and a value that begins with a hyphen, such
// as --rate="--intent", but only file names begin with a hyphen, and hardly ever
// with two.
func withoutHint(text string) string {
	at := strings.LastIndex(text, "; perhaps try --")
	if at < 0 || rightHint.MatchString(text) {
		return text
	}
	return text[:at]
}

var rightHint = regexp.MustCompile(`: expected ` + fileContext + ` value but got "-[^-]`)
