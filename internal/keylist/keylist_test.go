package keylist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var errMalformed, errEntry = errors.New("malformed"), errors.New("entry")

// Each line with fields is passed on with its number, and the first error ends the list.
func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"a":                                 "1[a]",
		"\ufeffa b\n":                       "1[a b]",
		"\n# x\n a\tb  c#d\r\n#":            "3[a b c]",
		"a\n\ufeffb":                        "1[a]2[\ufeffb]",
		"a\nbad\nc":                         "1[a]2[bad] malformed: line 2: entry",
		"a\n" + strings.Repeat("x", 70<<10): "1[a] malformed: line 2: longer than 64 KiB",
	} {
		var got strings.Builder
		err := Read(strings.NewReader(text), "reading", errMalformed, func(line int, fields []string) error {
			fmt.Fprintf(&got, "%d%v", line, fields)
			if fields[0] == "bad" {
				return errEntry
			}
			return nil
		})
		if err != nil {
			require.ErrorIs(t, err, errMalformed)
			got.WriteString(" " + err.Error())
		}
		require.Equal(t, want, got.String(), "%.20q", text)
	}
}

// An error of the reader is not one of the list.
func TestReadError(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(errEntry))
	err := Read(r, "reading", errMalformed, func(int, []string) error { return nil })
	require.ErrorIs(t, err, errEntry)
	require.NotErrorIs(t, err, errMalformed)
	require.EqualError(t, err, "reading: entry")
}

func TestIsNil(t *testing.T) {
	require.True(t, IsNil(nil))
	require.True(t, IsNil((*bytes.Buffer)(nil)))
	require.False(t, IsNil(new(bytes.Buffer)))
}
