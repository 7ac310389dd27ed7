package resolve

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The families are looked up at the same time, and the addresses of one do not wait for
// the other, except that IPv6 addresses give those of IPv4 50 ms.
func TestFamilies(t *testing.T) {
	type answer struct {
		after time.Duration
		err   error
	}
	failed := errors.New("no such host")
	for name, tt := range map[string]struct {
		four, six answer
		want      []string
		at        []time.Duration
		err       error
	}{
		"both at once":    {answer{}, answer{}, []string{"ip4", "ip6"}, []time.Duration{0, 0}, nil},
		"IPv6 is late":    {answer{}, answer{time.Second, nil}, []string{"ip4", "ip6"}, []time.Duration{0, time.Second}, nil},
		"IPv4 is late":    {answer{time.Second, nil}, answer{}, []string{"ip6", "ip4"}, []time.Duration{50 * time.Millisecond, time.Second}, nil},
		"IPv4 soon after": {answer{20 * time.Millisecond, nil}, answer{}, []string{"ip4", "ip6"}, []time.Duration{20 * time.Millisecond, 20 * time.Millisecond}, nil},
		"no IPv4":         {answer{0, failed}, answer{time.Second, nil}, []string{"ip6"}, []time.Duration{time.Second}, nil},
		"no IPv6":         {answer{time.Second, nil}, answer{0, failed}, []string{"ip4"}, []time.Duration{time.Second}, nil},
		"none":            {answer{0, failed}, answer{0, failed}, nil, nil, failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				answers := map[string]answer{"ip4": tt.four, "ip6": tt.six}
				addrs := map[string]netip.Addr{"ip4": netip.MustParseAddr("192.0.2.1"), "ip6": netip.MustParseAddr("2001:db8::1")}
				lookup := func(_ context.Context, network, _ string) ([]netip.Addr, error) {
					time.Sleep(answers[network].after)
					if err := answers[network].err; err != nil {
						return nil, err
					}
					return []netip.Addr{addrs[network]}, nil
				}
				var got []netip.Addr
				var at []time.Duration
				err := families(context.Background(), lookup, []string{"ip4", "ip6"}, "host", func(all []netip.Addr) {
					got, at = append(got, all...), append(at, time.Since(begin))
				})
				require.Equal(t, tt.err, err)
				var want []netip.Addr
				for _, network := range tt.want {
					want = append(want, addrs[network])
				}
				require.Equal(t, want, got)
				require.Equal(t, tt.at, at)
			})
		})
	}
}
