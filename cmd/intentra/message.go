package main

import "strings"

// packagePrefixes tell a programmer, not a user, where an error comes from.
var packagePrefixes = []string{"intentra: ", "conn: ", "udp: ", "journal: "}

// message returns the text of err without the prefix of a package, at its
// beginning or at that of an error that it wraps. What else looks like one may
// be part of a file's name.
func message(err error) string {
	text := err.Error()
	begins := true // err itself begins the text
	for _, inner := range unwrap(err) {
		part := inner.Error()
		if at := strings.LastIndex(text, part); at >= 0 && part != "" {
			begins = begins && at > 0
			text = text[:at] + message(inner) + text[at+len(part):]
		}
	}
	for _, prefix := range packagePrefixes {
		if !begins {
			break
		}
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest
		}
	}
	return text
}

// unwrap returns the errors that err wraps itself.
func unwrap(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}
