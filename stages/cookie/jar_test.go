package cookie

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2s"
)

const (
	second = pipeline.Time(time.Second)
	start  = 1000 * second
)

var (
	addrA = netip.MustParseAddrPort("192.0.2.1:1000")
	addrB = netip.MustParseAddrPort("192.0.2.2:1000")
)

func strongRand() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// initPacket returns a well-formed Init packet; differing seeds differ.
func initPacket(seed byte) []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 0x01020304})
	b = append(b, bytes.Repeat([]byte{seed}, 32)...)
	return append(b, make([]byte, wire.InitPadding+wire.CookieSize)...)
}

// withCookie returns a copy of init that carries cookie.
func withCookie(init []byte, cookie [wire.CookieSize]byte) []byte {
	b := bytes.Clone(init)
	copy(wire.InitCookie(b), cookie[:])
	return b
}

func TestCookieIsAMACOfAddressPortAndInit(t *testing.T) {
	init := initPacket(1)
	cookie, ok := NewJar(strongRand()).Cookie(start, addrA, init)
	require.True(t, ok)

	var key [32]byte
	_, err := io.ReadFull(strongRand(), key[:])
	require.NoError(t, err)
	ref, err := blake2s.New128(key[:])
	require.NoError(t, err)
	ip := netip.MustParseAddr("::ffff:192.0.2.1").As16()
	ref.Write(ip[:])
	ref.Write(binary.BigEndian.AppendUint16(nil, 1000))
	ref.Write(init[:144])
	require.Equal(t, ref.Sum(nil), cookie[:])
}

func TestVerifyBindsAddressPortAndInit(t *testing.T) {
	j := NewJar(strongRand())
	init := initPacket(1)
	cookie, _ := j.Cookie(start, addrA, init)
	good := withCookie(init, cookie)
	for _, c := range []struct {
		name string
		addr netip.AddrPort
		init []byte
		want bool
	}{
		{"the same", addrA, good, true},
		{"the same, mapped to IPv6", netip.MustParseAddrPort("[::ffff:192.0.2.1]:1000"), good, true},
		{"another address", addrB, good, false},
		{"another port", netip.MustParseAddrPort("192.0.2.1:1001"), good, false},
		{"another Init", addrA, withCookie(initPacket(2), cookie), false},
		{"no cookie", addrA, init, false},
		{"no address", netip.AddrPort{}, good, false},
	} {
		require.Equal(t, c.want, j.Verify(start, c.addr, c.init), c.name)
		require.Equal(t, c.want, j.Verify(start, c.addr, c.init), "%s, again", c.name)
	}
	require.False(t, NewJar(rand.NewChaCha8([32]byte{2})).Verify(start, addrA, good), "another secret")
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	j := NewJar(strongRand())
	cookie, _ := j.Cookie(start, addrA, initPacket(1))
	b := withCookie(initPacket(1), cookie)
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		require.False(t, j.Verify(start, addrA, b), "bit %d", bit)
		b[bit/8] ^= 1 << (bit % 8)
	}
	require.True(t, j.Verify(start, addrA, b))
}

// A cookie lives at least Grace and less than RotateEvery + Grace. Once expired it stays
// invalid, whatever the later calls of the Jar and their times.
func TestLifetime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		j, now := NewJar(strongRand()), start
		mean := int64(1) << (20 + r.IntN(19)) // from 1 ms to 9 min between calls
		for range r.IntN(8) {
			now += pipeline.Time(r.Int64N(mean))
			j.Verify(now, addrB, initPacket(9))
		}
		made, dead := now, false
		cookie, _ := j.Cookie(now, addrA, initPacket(1))
		for now < made+400*second {
			valid := j.Verify(now, addrA, withCookie(initPacket(1), cookie))
			age := now - made
			require.False(t, valid && dead, "seed %d: alive again at %v", seed, time.Duration(age))
			require.True(t, valid || age >= 5*second, "seed %d: dead at %v", seed, time.Duration(age))
			require.False(t, valid && age >= 125*second, "seed %d: alive at %v", seed, time.Duration(age))
			dead = !valid
			now += pipeline.Time(r.Int64N(max(mean, int64(second))))
		}
	}
}

func TestRotation(t *testing.T) {
	for _, c := range []struct {
		made, seen pipeline.Time // after the birth of the first secret
		want       bool
	}{
		{0, 125*second - 1, true},
		{0, 125 * second, false},
		{120*second - 1, 125*second - 1, true},
		{120*second - 1, 125 * second, false},
		{120 * second, 125 * second, true}, // of the second secret
		{120 * second, 245*second - 1, true},
		{120 * second, 245 * second, false},
		{0, 1_000_000 * second, false},
	} {
		j := NewJar(strongRand())
		j.Cookie(start, addrB, initPacket(0))
		cookie, _ := j.Cookie(start+c.made, addrA, initPacket(1))
		require.Equal(t, c.want, j.Verify(start+c.seen, addrA, withCookie(initPacket(1), cookie)),
			"made %v, seen %v", time.Duration(c.made), time.Duration(c.seen))
	}
}

// After a jump of the time beyond the lifetime both old secrets are deleted.
func TestJumpDeletesBothSecrets(t *testing.T) {
	j := NewJar(strongRand())
	first, _ := j.Cookie(start, addrA, initPacket(1))
	second2, _ := j.Cookie(start+121*second, addrA, initPacket(1))
	require.True(t, j.Verify(start+122*second, addrA, withCookie(initPacket(1), first)))
	later := start + (121+125)*second
	for _, cookie := range [][wire.CookieSize]byte{first, second2} {
		require.False(t, j.Verify(later, addrA, withCookie(initPacket(1), cookie)))
	}
	require.False(t, j.previous.live)
}

func TestFailingRand(t *testing.T) {
	source := &flakyReader{from: strongRand(), broken: true}
	j, init := NewJar(source), initPacket(1)
	_, ok := j.Cookie(start, addrA, init)
	require.False(t, ok, "no secret yet")
	require.False(t, j.Verify(start, addrA, init))

	source.broken = false
	old, ok := j.Cookie(start+second, addrA, init)
	require.True(t, ok, "the next call tries again")

	source.broken = true
	late := start + 1000*second
	same, ok := j.Cookie(late, addrA, init)
	require.True(t, ok)
	require.Equal(t, old, same, "the old secret stays in use")
	require.True(t, j.Verify(late, addrA, withCookie(init, old)))

	source.broken = false
	renewed, _ := j.Cookie(late, addrA, init)
	require.NotEqual(t, old, renewed)
	require.False(t, j.Verify(late, addrA, withCookie(init, old)), "then it is far too old")
	require.True(t, j.Verify(late, addrA, withCookie(init, renewed)))
}

// flakyReader, while broken, returns half of the bytes and fails.
type flakyReader struct {
	from   io.Reader
	broken bool
}

func (f *flakyReader) Read(b []byte) (int, error) {
	if f.broken {
		n, _ := f.from.Read(b[:len(b)/2])
		return n, errors.New("no entropy")
	}
	return f.from.Read(b)
}

func TestJarDoesNotAllocate(t *testing.T) {
	j, now, init := NewJar(strongRand()), start, initPacket(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += 7 * second // rotations too
		j.Cookie(now, addrA, init)
		j.Verify(now, addrA, init)
	}))
}
