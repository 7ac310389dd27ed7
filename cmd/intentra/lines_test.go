package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func readLines(r *lineReader) (lines []string, err error) {
	for {
		l, err := r.next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(l))
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000) // longer than the buffer
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\n", []string{"a"}},
		{"a\nb", []string{"a", "b"}},
		{"\n", []string{""}},
		{"\n\na\n\n", []string{"", "", "a", ""}},
		{"a\r\nb\r", []string{"a\r", "b\r"}},
		{"\x00\xff\n", []string{"\x00\xff"}},
		{long + "\n" + long, []string{long, long}},
	} {
		for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
			got, err := readLines(newLineReader(r, len(long)))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		}
	}
}

func TestLineTooLong(t *testing.T) {
	for _, limit := range []int{1, 5, 64 << 10, 100_000} {
		fits := strings.Repeat("x", limit)
		for _, end := range []string{"", "\n"} {
			got, err := readLines(newLineReader(strings.NewReader("a\n"+fits+end), limit))
			require.NoError(t, err)
			require.Equal(t, []string{"a", fits}, got)

			got, err = readLines(newLineReader(strings.NewReader("a\n"+fits+"x"+end), limit))
			require.ErrorContains(t, err, "line 2 ")
			require.ErrorContains(t, err, "too long")
			require.Equal(t, []string{"a"}, got)
		}
	}
}

// A line that never ends is refused.
func TestEndlessLine(t *testing.T) {
	_, err := newLineReader(endless{}, 1000).next()
	require.ErrorContains(t, err, "line 1 ")
	require.ErrorContains(t, err, "1000 bytes")
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte("x"), len(b))), nil }

func TestReadErrorIsToldWithItsLine(t *testing.T) {
	broken := errors.New("the disk is on fire")
	lines, err := readLines(newLineReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 10))
	require.Equal(t, []string{"a"}, lines)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "line 2 ")
}

// FuzzLines: the attacker writes our standard input. The lines, joined, must be
// the input, and none may exceed the limit.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb\r\n"), 3)
	f.Add([]byte("abcdef"), 2)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		limit = max(limit, 0)
		got, err := readLines(newLineReader(bytes.NewReader(in), limit))
		want := strings.Split(strings.TrimSuffix(string(in), "\n"), "\n")
		if len(in) == 0 {
			want = nil
		}
		for i, l := range want {
			if len(l) > limit {
				require.Error(t, err)
				want = want[:i]
				break
			}
			if i == len(want)-1 {
				require.NoError(t, err)
			}
		}
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	})
}
