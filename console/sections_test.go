package console

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The page shows the tables of the program, and no more than fits.
func TestSections(t *testing.T) {
	list := []Section{{Title: "Fleet", Note: "2 hubs", Columns: []string{"Hub", "Peers"}, Rows: [][]string{{"a", "1"}, {"b"}, {"c", "2", "3"}}}}
	_, _, s := server(t, func(c *Config) { c.Sections = func() []Section { return list } })
	p := openPage(t, s.URL)
	var h hello
	p.next(&h)
	var m struct{ Sections []Section }
	p.next(&m)
	want := list[0]
	want.Rows = [][]string{{"a", "1"}, {"b"}, {"c", "2"}}
	require.Equal(t, []Section{want}, m.Sections)
	require.Len(t, list[0].Rows[2], 3, "the program's slices do not change")
}

// The numbers of sections, columns and rows are bounded.
func TestSectionsAreBounded(t *testing.T) {
	row := make([]string, 100)
	big := Section{Title: "big", Columns: row}
	for range 1000 {
		big.Rows = append(big.Rows, row)
	}
	var many []Section
	for range 20 {
		many = append(many, big)
	}
	c := &Config{Sections: func() []Section { return many }}
	list := c.sections()
	require.Len(t, list, maxSections)
	require.Len(t, list[0].Columns, maxSectionColumns)
	require.Len(t, list[0].Rows, maxSectionRows)
	require.Len(t, list[0].Rows[0], maxSectionColumns)
	require.Len(t, many[0].Rows, 1000)
	require.Empty(t, (&Config{}).sections())
}
