package trial

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/intentra/intentra/bench/alternatives"
	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/ours"
	"github.com/intentra/intentra/bench/raw"
)

// Modules are the modules whose versions are part of a result.
var Modules = []string{"github.com/quic-go/quic-go", "github.com/pion/dtls/v3"}

// all lists the contenders in the order in which they are shown.
var all = []contender.Contender{
	raw.Contender{},
	ours.Contender{},
	ours.Contender{Receive: true},
	raw.Contender{Sockets: true},
	ours.Contender{Sockets: true},
	alternatives.QUIC{},
	alternatives.DTLS{},
	alternatives.UDP{},
}

// linuxOnly are the contenders that need GSO, recvmmsg or epoll.
var linuxOnly = []string{"raw", "raw-nogso", "intentra-nogso"}

// Available returns the contenders that this system supports.
func Available() (list []contender.Contender) {
	for _, c := range all {
		if supported(c) == nil {
			list = append(list, c)
		}
	}
	return list
}

// Missing returns an error for each contender that is not available.
func Missing() (reasons []error) {
	for _, c := range all {
		if err := supported(c); err != nil {
			reasons = append(reasons, err)
		}
	}
	return reasons
}

func supported(c contender.Contender) error {
	if runtime.GOOS != "linux" && slices.Contains(linuxOnly, c.Name()) {
		return fmt.Errorf("%s needs Linux: %w", c.Name(), contender.ErrUnsupported)
	}
	return nil
}

// Find returns the contender with the given name, or an error if it does not
// exist or this system does not support it.
func Find(name string) (contender.Contender, error) {
	for _, c := range all {
		if c.Name() == name {
			return c, supported(c)
		}
	}
	return nil, fmt.Errorf("no contender %q; there are %v", name, Names())
}

// Names returns the names of all contenders.
func Names() (names []string) {
	for _, c := range all {
		names = append(names, c.Name())
	}
	return names
}
