package script

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/intentra/intentra/wire"
)

// attackSpec holds the settings of garbage and replay.
type attackSpec struct {
	from netip.AddrPort
	size sizes
}

var (
	fromSetting    = setting(toAddress, func(s *attackSpec) *netip.AddrPort { return &s.from })
	replaySettings = map[string]func(*attackSpec, string) error{"from": fromSetting}

	garbageSettings = map[string]func(*attackSpec, string) error{
		"from": fromSetting,
		"size": setting(toSizes, func(s *attackSpec) *sizes { return &s.size }),
	}
)

// elsewhere is the default address of adversaries.
var elsewhere = netip.MustParseAddrPort("198.51.100.1:9")

func recordCommand(a *args) action {
	n := a.number("how many")
	if a.err == nil && (n < 1 || n > 1<<16) {
		a.fail("%d is not from 1 to 65536", n)
	}
	return func(r *run) error {
		if r.recorder != nil {
			r.recorder.Stop()
		}
		r.recorder = r.w.Record(n)
		return nil
	}
}

func replayCommand(a *args) action {
	to := a.node()
	var spec attackSpec
	settings(a, &spec, replaySettings)
	return func(r *run) error {
		if r.recorder == nil {
			return errNothingRecorded
		}
		for _, d := range r.recorder.Kept() {
			if spec.from.IsValid() {
				d.From = spec.from
			}
			r.w.Inject(d.From, r.named(to).Addr(), d.Data, 0)
		}
		return nil
	}
}

func injectCommand(a *args) action {
	from, to := a.place(), a.place()
	data, err := hex.DecodeString(a.next("the datagram"))
	if a.err == nil && err != nil {
		a.fail("the datagram: %w", err)
	}
	return func(r *run) error {
		r.w.Inject(from(r), to(r), data, 0)
		return nil
	}
}

// place parses a node or an address.
func (a *args) place() func(r *run) netip.AddrPort {
	word := a.next("a node or an address")
	if addr, err := netip.ParseAddrPort(word); err == nil {
		return func(*run) netip.AddrPort { return addr }
	}
	a.known(word)
	return func(r *run) netip.AddrPort { return r.named(word).Addr() }
}

func garbageCommand(a *args) action {
	to, n := a.node(), a.number("how many")
	spec := attackSpec{from: elsewhere, size: sizes{0, 200}}
	settings(a, &spec, garbageSettings)
	if a.err == nil && n > 1<<16 {
		a.fail("%d is more than 65536", n)
	}
	return func(r *run) error {
		for range n {
			r.w.Inject(spec.from, r.named(to).Addr(), r.garbage(spec.size), 0)
		}
		return nil
	}
}

// garbage returns random bytes, half of the time with a first byte that a packet
// may have.
func (r *run) garbage(s sizes) []byte {
	rng := r.w.Rand()
	b := make([]byte, uint64(s.from)+rng.Uint64()%uint64(s.to-s.from+1))
	for i := 0; i < len(b); i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], rng.Uint64())
		copy(b[i:], word[:])
	}
	if len(b) > 0 && rng.Uint64()%2 == 0 {
		b[0] = wire.Version<<4 | b[0]&15
	}
	return b
}
