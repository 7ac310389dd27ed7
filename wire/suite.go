package wire

import "fmt"

// Suite is the cipher suite of a handshake and its session. Its text form is "aesgcm"
// or "chachapoly".
type Suite uint8

// The cipher suites, by their Noise protocol names.
const (
	AESGCM     Suite = 1 // Noise_XX_25519_AESGCM_SHA256
	ChaChaPoly Suite = 2 // Noise_XX_25519_ChaChaPoly_SHA256
)

// Valid reports whether s is a suite of this version.
func (s Suite) Valid() bool { return s == AESGCM || s == ChaChaPoly }

// String returns the text form of s, "invalid" for an unknown one.
func (s Suite) String() string {
	switch s {
	case AESGCM:
		return "aesgcm"
	case ChaChaPoly:
		return "chachapoly"
	}
	return "invalid"
}

// MarshalText returns the text form of s, or an error for an unknown one. That of the
// zero Suite, which means the default in a configuration, is empty.
func (s Suite) MarshalText() ([]byte, error) {
	switch {
	case s == 0:
		return []byte{}, nil
	case !s.Valid():
		return nil, fmt.Errorf("intentra: no cipher suite has the number %d", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText parses the text form of a suite. The error lists the suites.
func (s *Suite) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*s = 0
	case "aesgcm":
		*s = AESGCM
	case "chachapoly":
		*s = ChaChaPoly
	default:
		return fmt.Errorf("intentra: unknown cipher suite %q: want aesgcm or chachapoly", text)
	}
	return nil
}
