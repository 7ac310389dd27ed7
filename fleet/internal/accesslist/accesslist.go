// Package accesslist reads access lists, and refuses private keys in them, which hubs would
// copy to the whole fleet.
package accesslist

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/keykind"
	"github.com/intentra/intentra/internal/keylist"
)

// What we chose.
const (
	maxChecked  = 4096 // keys of a list, which take 0.1 ms each
	maxWarnings = 20
)

// Parse is [hub.ParseAccess] for a hub whose key is own, except that it refuses a list with a key
// that is most likely private: own, or one that cannot be a public key. It accepts
// one in 32 private keys of others. Errors never contain a key.
func Parse(text string, own intentra.PrivateKey) (*hub.Access, error) {
	a, err := hub.ParseAccess(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var private, entries, only int // only has the line of a key without a name
	err = keylist.Read(strings.NewReader(text), "reading an access list", errors.New("malformed"), func(line int, fields []string) error {
		k, err := intentra.ParsePublicKey(fields[0])
		if entries++; err != nil || private > 0 || entries > maxChecked {
			return err
		}
		if k == intentra.PublicKey(own) || !keykind.CanBePublic(k) {
			private = line
		}
		if len(fields) == 1 {
			only = line
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case private > 0 && entries == 1 && only == private:
		return nil, errors.New("this looks like a private key file; list the public key, which 'intentra pubkey' prints")
	case private > 0:
		return nil, fmt.Errorf("line %d: this is no public key; if it is a private one, keep it secret, and list what 'intentra pubkey' prints", private)
	}
	return a, nil
}

// Warnings returns what is valid in a list and hardly meant, for an operator.
func Warnings(a *hub.Access, now time.Time) []string {
	if a.Allows(intentra.PublicKey{}, now) { // no list names this key
		return nil // any key is allowed
	}
	all := a.Warnings(now)
	if more := len(all) - maxWarnings; more > 0 {
		all = append(all[:maxWarnings], fmt.Sprintf("%d more such warnings", more))
	}
	if len(a.Keys()) == 0 {
		all = append(all, "the access list has no keys, so no peer may connect")
	}
	return all
}
