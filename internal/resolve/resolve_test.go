package resolve

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemote(t *testing.T) {
	four, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for _, c := range []struct {
		addr  string
		local netip.Addr
		want  string // empty: an error
	}{
		{"127.0.0.1:9000", netip.Addr{}, "127.0.0.1:9000"},
		{"127.0.0.1:9000", four, "127.0.0.1:9000"},
		{"127.0.0.1:9000", netip.IPv6Unspecified(), "127.0.0.1:9000"},
		{"[::1]:9000", netip.Addr{}, "[::1]:9000"},
		{"[::1]:9000", six, "[::1]:9000"},
		{"[::ffff:127.0.0.1]:9000", four, "127.0.0.1:9000"},
		{"[fe80::1%moon]:9000", netip.IPv6Unspecified(), "[fe80::1%moon]:9000"},
		{"[fe80::1%moon]:9000", netip.Addr{}, "[fe80::1%moon]:9000"},
		// Only link-local addresses keep their zone.
		{"[::1%lo]:9000", netip.IPv6Unspecified(), "[::1]:9000"},
		{"[fd00::1%9]:9000", netip.Addr{}, "[fd00::1]:9000"},
		{"[::ffff:127.0.0.1%lo]:9000", netip.Addr{}, "127.0.0.1:9000"},
		{":9000", four, "127.0.0.1:9000"},
		{"localhost:9000", four, "127.0.0.1:9000"},
		{"127.0.0.1:domain", four, "127.0.0.1:53"},
		{"127.0.0.1:65535", four, "127.0.0.1:65535"},

		{"[fe80::1%moon]:9000", four, ""},
		{"[::1]:9000", four, ""}, // an IPv4 socket cannot send to it
		{"127.0.0.1:9000", six, ""},
		{"127.0.0.1:0", four, ""},
		{"127.0.0.1:65536", four, ""},
		{"127.0.0.1:-1", four, ""},
		{"127.0.0.1:no such service", four, ""},
		{"127.0.0.1", four, ""},
		{"", four, ""},
		{"no such host:1", four, ""},
	} {
		got, err := Remote(context.Background(), c.addr, c.local)
		if c.want == "" {
			require.Error(t, err, "%q from %v: %v", c.addr, c.local, got)
			continue
		}
		require.NoError(t, err, c.addr)
		require.Equal(t, c.want, got.String())
	}
}

func TestLocal(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:9000":        "127.0.0.1:9000",
		"[::1]:9000":            "[::1]:9000",
		"[::ffff:127.0.0.1]:90": "127.0.0.1:90",
		"0.0.0.0:0":             "0.0.0.0:0",
		"":                      "[::]:0",
		":9000":                 "[::]:9000",
	} {
		got, err := Local(addr)
		require.NoError(t, err, addr)
		require.Equal(t, want, got.String())
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:65536", "no such host:1"} {
		_, err := Local(addr)
		require.ErrorContains(t, err, "intentra: listen address", addr)
	}
}
