package console

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// calm is the health of a fleet without problems.
func calm() health {
	return health{connected: 50, delivery: 99.98, p50: 1.8, p99: 6.4, ageKind: "age"}
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *health)
		level  level
		head   string
		why    []string
	}{
		"calm":        {func(*health) {}, levelGood, "Every peer is up and current", []string{"50 peers", "99.98 %", "1.8 ms", "Nothing is dropped"}},
		"steady drop": {func(h *health) { h.drops = []dropRate{{"geofence", "outside", 12}} }, levelGood, "Every peer is up", []string{"*12/s* at *geofence*, as outside"}},
		"law":         {func(h *health) { h.lawBroken = "messages in" }, levelBad, "The law does not hold: messages in", []string{"defect"}},
		"panic":       {func(h *health) { h.panics = 1 }, levelBad, "panics", []string{"1 panic was recovered"}},
		"no peers":    {func(h *health) { h.connected, h.missing, h.firstMissing = 0, 50, "robot-1" }, levelBad, "No peer is connected", []string{"50", "robot-1"}},
		"no peer yet": {func(h *health) { h.connected = 0 }, levelUnknown, "Waiting for the first peer", nil},
		"nothing yet": {func(h *health) { h.delivery, h.p50, h.p99 = math.NaN(), math.NaN(), math.NaN() }, levelUnknown, "Measuring", nil},
		"bad arrival": {func(h *health) { h.delivery = 89.9 }, levelBad, "Updates do not arrive", []string{"89.9", "lost on the network", "single peers"}},
		"bad queues":  {func(h *health) { h.delivery, h.displaced, h.drops = 40, 5000, []dropRate{{"queue", "displaced", 5000}} }, levelBad, "Updates do not arrive", []string{"*5,000/s* at *queue*, as displaced", "lower the rate"}},
		"bad age":     {func(h *health) { h.p99 = 501 }, levelBad, "The age of updates is far over its limit", []string{"501 ms", "slow handlers"}},
		"bad RTT":     {func(h *health) { h.p99, h.ageKind = 501, "rtt" }, levelBad, "The round-trip time is far over its limit", []string{"501 ms"}},
		"at the hub":  {func(h *health) { h.ageKind = "hub" }, levelGood, "Every peer is up", []string{"Updates are *1.8 ms* old at the hub"}},
		"late there":  {func(h *health) { h.p99, h.ageKind = 51, "hub" }, levelWarning, "Updates are late", []string{"p99 age of updates at the hub is *51.0 ms*"}},
		"missing":     {func(h *health) { h.missing, h.firstMissing = 1, "robot-7" }, levelWarning, "1 peer is missing", []string{"*robot-7*"}},
		"overload":    {func(h *health) { h.overflow, h.in = 1640, 18474 }, levelWarning, "Overloaded", []string{"1,640/s", "18,474"}},
		"displaced":   {func(h *health) { h.displaced = 9840 }, levelWarning, "Overloaded", []string{"9,840"}},
		"flood":       {func(h *health) { h.drops = []dropRate{{"aead", "forged", 24310}} }, levelWarning, "honest traffic is unaffected", []string{"24,310 forged packets/s", "No action"}},
		"felt flood":  {func(h *health) { h.drops, h.p99 = []dropRate{{"header", "unknown_index", 5000}}, 80 }, levelWarning, "it is felt", []string{"unknown index"}},
		"lossy":       {func(h *health) { h.delivery = 97 }, levelWarning, "Some updates are lost", []string{"97 %", "lost on the network", "its link"}},
		"late":        {func(h *health) { h.p99 = 50.2 }, levelWarning, "Updates are late", []string{"50.2 ms", "50 ms"}},
	} {
		h := calm()
		c.change(&h)
		v := assess(h)
		require.Equal(t, c.level, v.Level, "%s: %+v", name, v)
		require.Contains(t, v.Head, c.head, name)
		for _, words := range c.why {
			require.Contains(t, v.Why, words, name)
		}
		require.Zero(t, strings.Count(v.Why, "*")%2, "%s: %s", name, v.Why)
	}
}

// A level rises at once, and falls after five seconds at the earliest.
func TestLevelsLast(t *testing.T) {
	var j judge
	bad := calm()
	bad.panics = 1
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	require.Equal(t, levelGood, j.next(calm(), at(0)).Level)
	require.Equal(t, levelBad, j.next(bad, at(0.1)).Level)
	require.Equal(t, levelBad, j.next(calm(), at(0.2)).Level)
	require.Equal(t, levelBad, j.next(calm(), at(5)).Level)
	v := j.next(calm(), at(5.2))
	require.Equal(t, levelGood, v.Level)
	require.Zero(t, v.For)
	require.Equal(t, 3, j.next(calm(), at(8.5)).For)
}

// The wording changes only with the numbers that it names.
func TestWordsLast(t *testing.T) {
	var j judge
	h := calm()
	first := j.next(h, 10*time.Second)
	h.p50 = 2.5
	require.Equal(t, first.Why, j.next(h, 10500*time.Millisecond).Why)
	h.fresh = true
	require.NotEqual(t, first.Why, j.next(h, 11*time.Second).Why)
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 2.5: "2.5", 999: "999", 1000: "1,000", 24310.4: "24,310", 1234567: "1,234,567"} {
		require.Equal(t, want, number(v))
	}
	require.Equal(t, "99.99 %", percent(99.999), "not rounded up to 100")
	require.Equal(t, "100 %", percent(100))
}
