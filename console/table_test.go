package console

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// copyOf is what a page has of a table.
type copyOf map[int]string

// take applies the changes since a version.
func (c copyOf) take(t *testing.T, tab *table[string], since uint64) {
	t.Helper()
	text, reset := tab.append([]byte{'['}, since)
	var rows [][]any
	require.NoError(t, json.Unmarshal(append(text, ']'), &rows))
	if reset {
		clear(c)
	}
	for _, r := range rows {
		n := int(r[0].(float64))
		if len(r) == 1 {
			delete(c, n)
			continue
		}
		c[n] = r[1].(string)
	}
}

// put sets a row.
func put(tab *table[string], key, text string, version uint64) bool {
	r := tab.row(key)
	if r != nil {
		tab.set(r, appendText(nil, text), version)
	}
	return r != nil
}

// Pages that receive each change, some of them, or everything at the end have the same rows.
func TestTableGivesAllPagesTheSame(t *testing.T) {
	tab := newTable[string](100)
	each, some := copyOf{}, copyOf{}
	seen := uint64(0)
	for v := uint64(1); v <= 500; v++ {
		put(tab, fmt.Sprint("k", v%37), fmt.Sprint("text ", v%5), v)
		if v%3 == 0 {
			tab.remove(fmt.Sprint("k", v*7%37), v)
		}
		each.take(t, tab, v-1)
		if v%41 == 0 {
			some.take(t, tab, seen)
			seen = v
		}
	}
	some.take(t, tab, seen)
	late := copyOf{}
	late.take(t, tab, 0)
	require.Equal(t, late, each)
	require.Equal(t, late, some)
	require.NotEmpty(t, late)
}

// A row whose text stays is not sent again.
func TestTableSendsChangesOnly(t *testing.T) {
	tab := newTable[string](10)
	put(tab, "a", "x", 1)
	put(tab, "b", "y", 2)
	put(tab, "a", "x", 3)
	got, _ := tab.append([]byte{'['}, 2)
	require.Equal(t, "[", string(got))
	got, _ = tab.append([]byte{'['}, 1)
	require.Equal(t, `[[1,"y"]`, string(got))
}

// A full table rejects new rows and counts them. Beyond the cap, the oldest tombstones are
// forgotten, and a page that does not know them begins again.
func TestTableAtItsCaps(t *testing.T) {
	tab := newTable[string](2)
	require.True(t, put(tab, "a", "a", 1))
	require.True(t, put(tab, "b", "b", 2))
	require.False(t, put(tab, "c", "c", 3))
	require.EqualValues(t, 1, tab.rejected)
	page := copyOf{}
	page.take(t, tab, 0)
	tab.remove("a", 4)
	for i := range maxTombstones + 1 {
		v := uint64(5 + i)
		require.True(t, put(tab, "x", "x", v))
		tab.remove("x", v)
	}
	require.Equal(t, maxTombstones, tab.tombstones)
	page.take(t, tab, 3)
	require.Len(t, page, 1)
	_, reset := tab.append([]byte{'['}, 3)
	require.True(t, reset)
	_, reset = tab.append([]byte{'['}, uint64(maxTombstones))
	require.False(t, reset)
}
