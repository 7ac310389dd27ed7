package journal

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutcomeString(t *testing.T) {
	for _, tc := range []struct {
		o    Outcome
		want string
	}{
		{Outcome{}, ""},
		{Outcome{Verdict: "drop replay/replayed"}, "drop replay/replayed"},
		{Outcome{Verdict: "accept", Delivered: 2, Sum: 9}, "accept, 2 delivered"},
		{Outcome{Verdict: "accept", Dropped: []string{"b/x", "a/y", "b/x"}}, "accept, 2 dropped b/x, 1 dropped a/y"},
	} {
		require.Equal(t, tc.want, tc.o.String())
		require.True(t, tc.o.Equal(tc.o))
	}
}

func TestOutcomeEqual(t *testing.T) {
	o := Outcome{Verdict: "accept", Delivered: 2, Sum: 9, Dropped: []string{"a/x", "a/y"}}
	for _, other := range []Outcome{
		{Verdict: "consumed", Delivered: 2, Sum: 9, Dropped: []string{"a/x", "a/y"}},
		{Verdict: "accept", Delivered: 1, Sum: 9, Dropped: []string{"a/x", "a/y"}},
		{Verdict: "accept", Delivered: 2, Sum: 8, Dropped: []string{"a/x", "a/y"}},
		{Verdict: "accept", Delivered: 2, Sum: 9, Dropped: []string{"a/y", "a/x"}},
		{Verdict: "accept", Delivered: 2, Sum: 9, Dropped: []string{"a/x"}},
	} {
		require.False(t, o.Equal(other))
		require.False(t, other.Equal(o))
	}
}

func TestKeyAsText(t *testing.T) {
	k := Key{1, 2, 3}
	b, err := json.Marshal(Entry{Kind: Revoke, Key: k})
	require.NoError(t, err)
	require.Equal(t, `{"kind":"revoke","key":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`, string(b))
	var e Entry
	require.NoError(t, json.Unmarshal(b, &e))
	require.Equal(t, k, e.Key)
	require.True(t, e.Identity.IsZero())
	for _, bad := range []string{`""`, `"AQID"`, `"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`, `"!"`, `5`} {
		require.Error(t, json.Unmarshal([]byte(bad), &k), bad)
	}
}
