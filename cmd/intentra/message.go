package main

import "strings"

// packagePrefixes are prefixes of errors that help programmers, not users.
var packagePrefixes = []string{"intentra: ", "conn: ", "udp: ", "recording: "}

// message returns the text of err without package prefixes at its beginning or
// at the beginning of an error that it wraps. Anything else that looks like a
// prefix may be part of a file's name, and stays.
func message(err error) string {
	text := err.Error()
	begins := true // the text begins with that of err itself
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

// unwrap returns the errors that err wraps directly.
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
