package console

import (
	"encoding/json"
	"math"
	"strconv"
)

// appendNumber appends a number with at most the given digits after the point; null if it
// is not finite.
func appendNumber(b []byte, v float64, digits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	scale := math.Pow10(digits)
	r := math.Round(v * scale)
	if math.Abs(r) >= 1<<53 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	if r < 0 {
		b, r = append(b, '-'), -r
	}
	n, unit := uint64(r), uint64(scale)
	b = strconv.AppendUint(b, n/unit, 10)
	if n %= unit; n == 0 {
		return b
	}
	// The digits of the fraction without the zeros at its end: ten times as fast as
	// AppendFloat, and these are most of the bytes of a message.
	b = append(b, '.')
	for n > 0 {
		unit /= 10
		b = append(b, byte('0'+n/unit))
		n %= unit
	}
	return b
}

// appendFields appends numbers to a row, each after a comma.
func appendFields(b []byte, digits int, values ...float64) []byte {
	for _, v := range values {
		b = appendNumber(append(b, ','), v, digits)
	}
	return b
}

// plain reports whether a string needs no escapes in JSON.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendText appends a string to a row, after a comma.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, ',', '"'), s...), '"')
	}
	text, err := json.Marshal(s)
	if err != nil {
		text = []byte(`""`) // unreachable: every string can be encoded
	}
	return append(append(b, ','), text...)
}
