package sim

import (
	"errors"
	"fmt"
)

// ErrKeyReuse is returned when a key and a counter were used together twice.
var ErrKeyReuse = errors.New("key used again")

// keys checks that the ledger, which all processes of the world share, has
// nothing to complain about.
func (a *audit) keys(*World) error {
	if faults := a.ledger.Faults(); len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrKeyReuse, faults[0])
	}
	return nil
}
