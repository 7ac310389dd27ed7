package conn

import (
	"cmp"
	"fmt"
	"time"

	"github.com/intentra/intentra/wire"
)

// ConfigError is the error of [Config.Validate].
type ConfigError struct {
	Field string // the name of the field of Config
	Value any    // its value
	Want  string // the valid values: a range, or a relation to another field
}

// Error names the field, its value, and what it must be.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("%s is %v, must be %s", e.Field, e.Value, e.Want)
}

// Validate checks the plain values of a Config that [Config.WithDefaults] has
// returned. The error is a [*ConfigError] for the first field that is out of its
// range or contradicts another one, so that it could not do what it is for.
func (c Config) Validate() error {
	for _, s := range c.Suites {
		if !s.Valid() {
			return &ConfigError{"Suites", c.Suites, "a list of suites " + suiteRange()}
		}
	}
	if !c.Suite.Valid() {
		return &ConfigError{"Suite", uint8(c.Suite), suiteRange()}
	}
	return cmp.Or(checkRanges(c.counts()), checkRanges(c.times()),
		checkRanges(c.chainCounts()), checkRanges(c.chainTimes()), c.contradiction())
}

func suiteRange() string {
	return fmt.Sprintf("from %d (%v) to %d (%v)", wire.AESGCM, wire.AESGCM, wire.ChaChaPoly, wire.ChaChaPoly)
}

// contradiction returns the error of the first field that cannot do what it is
// for because of another one.
func (c *Config) contradiction() error {
	if n := c.ReplayWindow; n&(n-1) != 0 {
		return &ConfigError{"ReplayWindow", n, "a power of two"}
	}
	return cmp.Or(
		// Time is left for another sign of life if the first one or its answer is lost.
		atMost("KeepAlive", c.KeepAlive, "half of IdleTimeout", c.IdleTimeout/2),
		// This leaves three quarters of the rate to messages, if both sides have the
		// same configuration.
		atLeast("KeepAlive", c.KeepAlive, "4 s divided by PeerRate", 4*time.Second/time.Duration(c.PeerRate)),
		atMost("Unanswered", c.Unanswered, "IdleTimeout", c.IdleTimeout),
		// Leaving and returning must not clear strikes that still count.
		atLeast("ForgetAfter", c.ForgetAfter, "StrikeWindow", c.StrikeWindow),
		atMost("MaxHandshakesPerAddress", c.MaxHandshakesPerAddress, "MaxHandshakes", c.MaxHandshakes),
		// The longest message fits an empty queue.
		atLeast("SendQueueBytes", c.SendQueueBytes, "MaxDatagram or 1,172", min(c.MaxDatagram, AcceptedDatagram)),
		atLeast("ReliableQueueBytes", c.ReliableQueueBytes, "MaxDatagram or 1,172", min(c.MaxDatagram, AcceptedDatagram)),
	)
}

// atMost returns an error if the value of a field exceeds limit, which depends on
// another field as what says.
func atMost[T int | time.Duration](field string, value T, what string, limit T) error {
	if value <= limit {
		return nil
	}
	return &ConfigError{field, value, fmt.Sprintf("at most %v, which is %s: lower the one or raise the other", limit, what)}
}

// atLeast is the opposite of atMost.
func atLeast[T int | time.Duration](field string, value T, what string, limit T) error {
	if value >= limit {
		return nil
	}
	return &ConfigError{field, value, fmt.Sprintf("at least %v, which is %s: raise the one or lower the other", limit, what)}
}
