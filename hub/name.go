package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/intentra/intentra"
)

// What the protocol fixes.
const (
	// MaxName is the length of the longest name of a publisher, and of the longest level of
	// a topic's name, in bytes.
	MaxName = 64
	// MaxPath is the length of the longest path and of the longest pattern, in
	// bytes.
	MaxPath = 192
	// MaxLevels is the number of levels of the longest path and pattern.
	MaxLevels = 16
)

// keyPrefix begins the names of peers to which no name was given.
const keyPrefix = "key-"

// keyName returns the name of a peer to which no name was given.
func keyName(k intentra.PublicKey) string { return fmt.Sprintf("%s%x", keyPrefix, k[:8]) }

// checkLevel returns an error if s is not one level of a path: UTF-8 without control
// characters, "/", "*" and outer spaces.
func checkLevel(s string) error {
	switch {
	case s == "":
		return errors.New("it has an empty level")
	case !printable(s):
		return fmt.Errorf("%q is not printable UTF-8", s)
	case strings.ContainsAny(s, "/*"):
		return fmt.Errorf("%q contains a slash or an asterisk", s)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%q begins or ends with a space", s)
	}
	return nil
}

// CheckName returns an error if s cannot be the name of a publisher: 1 to MaxName bytes
// of printable UTF-8 without a slash, an asterisk, a number sign, an equals sign and
// outer spaces, that do not begin with "key-". No word of it may be one of an access
// list's options ("publish", "subscribe" and "until", in any case, also before a colon):
// an option whose equals sign was forgotten would become part of the name, and the key
// would have all rights.
func CheckName(s string) error {
	if len(s) > MaxName {
		return fmt.Errorf("%q is longer than %d bytes", s, MaxName)
	}
	if s == "" {
		return errors.New("it is empty")
	}
	if err := checkLevel(s); err != nil {
		return err
	}
	if strings.ContainsAny(s, "#=") {
		return fmt.Errorf("%q contains a number sign or an equals sign, which an access list cannot hold", s)
	}
	if strings.Join(strings.Fields(s), " ") != s {
		return fmt.Errorf("%q contains repeated spaces, which an access list cannot hold", s)
	}
	if word := optionWord(s); word != "" {
		return fmt.Errorf("%q contains the word %q; write an option of an access list with an equals sign, such as publish=PATTERN", s, word)
	}
	if strings.HasPrefix(s, keyPrefix) {
		return fmt.Errorf("%q begins with %s, as names of peers without a name do", s, keyPrefix)
	}
	return nil
}

// optionWord returns the first word of a name that is an option of an access list, or "".
func optionWord(name string) string {
	for word := range strings.FieldsSeq(name) {
		bare, _, _ := strings.Cut(word, ":")
		if slices.ContainsFunc(accessOptions[:], func(o string) bool { return strings.EqualFold(o, bare) }) {
			return word
		}
	}
	return ""
}

// checkTopicName returns an error if s cannot be the name of a topic: one or several
// levels of at most MaxName bytes, which fit in a path behind the longest name of a publisher.
func checkTopicName(s string) error {
	if len(s) > MaxPath-MaxName-1 {
		return fmt.Errorf("%q is longer than %d bytes", s, MaxPath-MaxName-1)
	}
	levels := strings.Split(s, "/")
	if len(levels) > MaxLevels-1 {
		return fmt.Errorf("%q has more than %d levels", s, MaxLevels-1)
	}
	for _, level := range levels {
		if len(level) > MaxName {
			return fmt.Errorf("the level %q is longer than %d bytes", level, MaxName)
		}
		if err := checkLevel(level); err != nil {
			return err
		}
	}
	return nil
}

// printable reports whether s is UTF-8 without control characters, so that JSON at
// most doubles its length.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
