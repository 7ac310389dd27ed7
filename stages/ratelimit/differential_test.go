package ratelimit

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

// exactDebt is the model of a Bucket, whose level may be negative, in arithmetic that
// cannot overflow. Each call may have another rate and burst.
type exactDebt struct {
	missing *big.Int // billionths of a token
	at      pipeline.Time
}

func (d *exactDebt) ready(now pipeline.Time, rate, burst uint32) bool {
	if d.missing.Sign() == 0 || now > d.at {
		elapsed := new(big.Int).Sub(big.NewInt(int64(now)), big.NewInt(int64(d.at)))
		d.missing.Sub(d.missing, elapsed.Mul(elapsed.Abs(elapsed), big.NewInt(int64(rate))))
		if d.missing.Sign() < 0 {
			d.missing.SetInt64(0)
		}
		d.at = now
	}
	left := new(big.Int).Mul(big.NewInt(int64(burst)), big.NewInt(token))
	return left.Sub(left, d.missing).Cmp(big.NewInt(token)) >= 0
}

// charge saturates where a Bucket does: a deficit of 2^64 billionths takes 2 s of
// packets at the highest possible rate, without a refill.
func (d *exactDebt) charge() {
	if d.missing.Cmp(new(big.Int).SetUint64(math.MaxUint64-token)) <= 0 {
		d.missing.Add(d.missing, big.NewInt(token))
	}
}

// FuzzBucketDebt is a peer whose packets are charged after they were accepted, in bursts
// and at any time, while others share the bucket with other limits: Ready and Charge in
// any order must agree with exact arithmetic.
func FuzzBucketDebt(f *testing.F) {
	step := func(op byte, now int64, rate, burst uint32) []byte {
		b := binary.BigEndian.AppendUint64([]byte{op}, uint64(now))
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, rate), burst)
	}
	f.Add(append(step(255, 0, 10_000, 500), append(step(0, 1, 10_000, 500), step(1, 100_000, 10_000, 500)...)...))
	f.Add(append(step(9, math.MinInt64, 1, 1), append(step(0, math.MaxInt64, math.MaxUint32, 1), step(3, 0, 0, 0)...)...))
	f.Add(append(step(40, 5, 7, 40), append(step(2, 4, 7, 3), step(0, 1<<40, 7, 40)...)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, d := Bucket{}, &exactDebt{missing: new(big.Int)}
		for ; len(in) >= 17; in = in[17:] {
			now := pipeline.Time(binary.BigEndian.Uint64(in[1:]))
			rate, burst := binary.BigEndian.Uint32(in[9:]), binary.BigEndian.Uint32(in[13:])
			want := d.ready(now, rate, burst)
			require.Equal(t, want, b.Ready(now, rate, burst), "rate %d, burst %d, now %d", rate, burst, now)
			require.Equal(t, want, b.Ready(now, rate, burst), "Ready takes nothing")
			require.True(t, d.missing.IsUint64() && d.missing.Uint64() == b.missing)
			for range in[0] {
				b.Charge()
				d.charge()
			}
		}
	})
}
