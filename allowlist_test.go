package intentra_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

func TestAllowListForms(t *testing.T) {
	a, b, c, d := loopback.Key(t).Public(), loopback.Key(t).Public(), loopback.Key(t).Public(), loopback.Key(t).Public()
	text := "# robots\r\n\r\n" +
		a.String() + "\r\n" +
		"  \t" + b.String() + "\tarm  of   the hall # left one\r\n" +
		"   # " + d.String() + "\n" +
		c.String() + "#no space before the comment"
	l, err := intentra.ParseAllowList(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, 3, l.Len())
	require.True(t, l.Allows(a) && l.Allows(b) && l.Allows(c))
	require.False(t, l.Allows(d), "it is in a comment")
	require.Equal(t, []string{"", "arm of the hall", "", ""}, []string{l.Name(a), l.Name(b), l.Name(c), l.Name(d)})
	require.ElementsMatch(t, []intentra.PublicKey{a, b, c}, l.Keys())
	require.IsIncreasing(t, []string{hexOf(l.Keys()[0]), hexOf(l.Keys()[1]), hexOf(l.Keys()[2])})
}

func hexOf(k intentra.PublicKey) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, b := range k {
		s.WriteByte(digits[b>>4])
		s.WriteByte(digits[b&15])
	}
	return s.String()
}

func TestEmptyAllowListAllowsNoKey(t *testing.T) {
	l, err := intentra.ParseAllowList(strings.NewReader("# no keys yet\n"))
	require.NoError(t, err)
	require.Zero(t, l.Len())
	require.Empty(t, l.Keys())
	require.False(t, l.Allows(loopback.Key(t).Public()))
	require.False(t, l.Allows(intentra.PublicKey{}))
}

func TestAllowListErrorsNameTheLine(t *testing.T) {
	k, private := loopback.Key(t).Public(), loopback.Key(t)
	good := k.String() + " robot\n"
	for name, c := range map[string]struct{ text, line string }{
		"no key":       {"\n\nrobot " + k.String() + "\n", "line 3"},
		"short key":    {good + k.String()[:40] + "\n", "line 2"},
		"zero key":     {"# zero\n" + strings.Repeat("A", 43) + "=\n", "line 2"},
		"twice":        {good + "#\n" + good, "line 3"},
		"name differs": {good + k.String() + " other\n", "line 2"},
		"huge line":    {good + "#" + strings.Repeat("x", 1<<17) + "\n", "line 2"},
		"huge first":   {strings.Repeat("x", 1<<17), "line 1"},
		"huge name":    {"\n\n" + k.String() + " " + strings.Repeat("x", 1<<17), "line 3"},
		"glued":        {good + string(private[:]) + "\n", "line"},
	} {
		l, err := intentra.ParseAllowList(strings.NewReader(c.text))
		require.ErrorIs(t, err, intentra.ErrAllowList, name)
		require.ErrorContains(t, err, c.line, name)
		require.Nil(t, l, name)
		require.Less(t, len(err.Error()), 200, name)
		requireNoTrace(t, private, err.Error())
	}
}

func TestAllowListReturnsReadErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := intentra.ParseAllowList(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, intentra.ErrAllowList)
}

func TestReadAllowList(t *testing.T) {
	dir := t.TempDir()
	k := loopback.Key(t).Public()
	path := filepath.Join(dir, "allow")
	require.NoError(t, os.WriteFile(path, []byte(k.String()+" robot\n"), 0o600))
	l, err := intentra.ReadAllowList(path)
	require.NoError(t, err)
	require.Equal(t, "robot", l.Name(k))

	require.NoError(t, os.WriteFile(path, []byte("nonsense\n"), 0o600))
	_, err = intentra.ReadAllowList(path)
	require.ErrorIs(t, err, intentra.ErrAllowList)
	require.ErrorContains(t, err, path)

	_, err = intentra.ReadAllowList(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = intentra.ReadAllowList(dir)
	require.ErrorContains(t, err, dir)
}

func TestAllowListWithByteOrderMark(t *testing.T) {
	key := loopback.Key(t).Public()
	l, err := intentra.ParseAllowList(strings.NewReader("\ufeff" + key.String() + " robot\r\n"))
	require.NoError(t, err)
	require.Equal(t, "robot", l.Name(key))
}
