package hub

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestParseAccess(t *testing.T) {
	key := func(name string) intentra.PublicKey { return keyOf(name).Public() }
	text := "\ufeff# fleet\n\n" +
		key("a").String() + "\n" +
		key("b").String() + " robot 7  # a name with a space\n" +
		key("c").String() + " cam publish=cam/**,cam/raw subscribe= until=2027-03-31\n" +
		key("d").String() + " publish= subscribe=*/pose until=2027-03-31T18:00:00+02:00\n"
	a, err := ParseAccess(strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, a.Keys(), 4)
	at := time.Date(2027, 3, 30, 23, 59, 59, 0, time.UTC)

	require.Equal(t, keyName(key("a")), a.Name(key("a")))
	require.Regexp(t, "^key-[0-9a-f]{16}$", a.Name(key("a")))
	require.True(t, a.mayPublish(key("a"), "x/y"))
	require.True(t, a.mayRead(key("a"), "x/y"))

	require.Equal(t, "robot 7", a.Name(key("b")))

	require.Equal(t, "cam", a.Name(key("c")))
	require.True(t, a.mayPublish(key("c"), "cam/a/b"))
	require.False(t, a.mayRead(key("c"), "cam/a/b"))
	require.True(t, a.Allows(key("c"), at))
	require.False(t, a.Allows(key("c"), at.Add(time.Second)))

	require.False(t, a.mayPublish(key("d"), "x/y"))
	require.True(t, a.mayRead(key("d"), "x/pose"))
	require.False(t, a.mayRead(key("d"), "x/plan"))
	require.Equal(t, time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC), a.nextEnd(at))
	require.Equal(t, time.Date(2027, 3, 31, 16, 0, 0, 0, time.UTC), a.nextEnd(at.Add(time.Second)).UTC())
	require.Zero(t, a.nextEnd(at.Add(24*time.Hour)))

	for _, unknown := range []intentra.PublicKey{{}, key("e")} {
		require.False(t, a.Allows(unknown, at))
		require.False(t, a.mayPublish(unknown, "x/y"))
		require.False(t, a.mayRead(unknown, "x/y"))
		require.True(t, AllowAny().Allows(unknown, at))
	}
}

func TestMalformedAccess(t *testing.T) {
	a, b := keyOf("a").Public().String(), keyOf("b").Public().String()
	for text, want := range map[string]string{
		"x":                                "line 1",
		"# fine\nx":                        "line 2",
		a + "\n" + a:                       "duplicate key",
		a + " robot\n" + b + " robot":      "is that of line 1",
		a + " key-0000000000000000":        "begins with key-",
		a + " a/b":                         "slash",
		a + " *":                           "asterisk",
		a + " a publish":                   `the word "publish"`,
		a + " a Subscribe:":                "equals sign",
		a + " a until: tomorrow":           `the word "until:"`,
		a + " publish pose":                `the word "publish"`,
		a + " " + strings.Repeat("x", 65):  "longer than 64",
		a + " a publish=**/x":              "malformed pattern",
		a + " a publish=x publish=y":       "twice",
		a + " a until=tomorrow":            "is not a date",
		a + " a until=2027-03-31 b":        "the name comes before",
		a + " a colour=red":                "unknown option",
		a + " a subscribe=a,,b":            "malformed pattern",
		strings.Repeat("#", 64<<10) + "\n": "longer than 64 KiB",
	} {
		_, err := ParseAccess(strings.NewReader(text))
		require.ErrorIs(t, err, ErrAccess, text)
		require.ErrorContains(t, err, want)
	}
}

// Each refused name is refused for its own reason.
func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"": "empty", "a\nb": "not printable", "a/b": "slash", " a": "begins or ends with a space", "a  b": "repeated spaces",
		"a=b": "equals sign", "a#b": "number sign", "key-1": "begins with key-", "a PUBLISH": `the word "PUBLISH"`, "until:x": `the word "until:x"`,
	} {
		require.ErrorContains(t, CheckName(name), want)
	}
	for _, name := range []string{"a b", "publisher", "subscribed until1", "unsubscribe", strings.Repeat("x", MaxName)} {
		require.NoError(t, CheckName(name))
	}
}

// A level of a topic has at most the length of a name, and so has one of a pattern without
// its asterisks.
func TestLongLevels(t *testing.T) {
	longest := strings.Repeat("x", MaxName)
	require.NoError(t, Topic{Name: longest + "/a"}.Validate())
	require.ErrorContains(t, Topic{Name: "a/x" + longest}.Validate(), "longer than 64 bytes")
	_, err := ParsePattern("*" + longest + "*/" + longest)
	require.NoError(t, err)
	_, err = ParsePattern("a/x*" + longest)
	require.ErrorContains(t, err, "more than 64 bytes")
}

// A line that is valid and hardly meant is named, in the order of the list.
func TestAccessWarnings(t *testing.T) {
	at := time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)
	var text strings.Builder
	text.WriteString("# fleet\n")
	for i, line := range []string{
		"a publish=b/pose,a/pose", "b publish=a,b*/**,**", "c publish=c", "d until=2027-03-31", "e until=2027-03-31T00:00:01Z",
		"f publish= until=2027-04-01", "g publish=g/**,*/x,g", "robot 7", "publisher publish=publisher/** subscribe=x",
	} {
		text.WriteString(keyOf(string(rune('a'+i))).Public().String() + " " + line + "\n")
	}
	access, err := ParseAccess(strings.NewReader(text.String()))
	require.NoError(t, err)
	require.Equal(t, []string{
		`line 2: publish=b/pose matches no topic of "a", whose paths begin with a/`,
		`line 3: publish=a matches no topic of "b", whose paths begin with b/`,
		`line 4: publish=c matches no topic of "c", whose paths begin with c/`,
		`line 5: until=2027-03-31T00:00:00Z is over, so "d" may not connect`,
		`line 8: publish=g matches no topic of "g", whose paths begin with g/`,
	}, access.Warnings(at))
	require.Empty(t, AllowAny().Warnings(at))
}

// An operator may make any mistake: parsing never panics, and a valid list gives each
// key its own name.
func FuzzAccess(f *testing.F) {
	k := keyOf("a").Public().String()
	f.Add(k + " robot publish=robot/* subscribe= until=2027-03-31\n" + keyOf("b").Public().String() + " b # c")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAccess(strings.NewReader(text))
		if err != nil {
			return
		}
		names := make(map[string]bool)
		for _, key := range a.Keys() {
			name := a.Name(key)
			require.False(t, names[name])
			if !strings.HasPrefix(name, keyPrefix) {
				require.NoError(t, CheckName(name))
			}
			names[name] = true
		}
	})
}
