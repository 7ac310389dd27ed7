package intentra_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// traces returns the forms in which the bytes of a key could appear in a text.
func traces(k intentra.PrivateKey) []string {
	decimal := fmt.Sprint(k[:])
	goSyntax := fmt.Sprintf("%#v", k[:])
	return []string{
		base64.StdEncoding.EncodeToString(k[:])[:16],
		hex.EncodeToString(k[:])[:16], strings.ToUpper(hex.EncodeToString(k[:])[:16]),
		strings.Trim(decimal, "[]")[:24], goSyntax[len("[]byte{"):][:24],
		string(k[:8]), strconv.Quote(string(k[:]))[1:17],
	}
}

func requireNoTrace(t *testing.T, k intentra.PrivateKey, text string) {
	t.Helper()
	for _, trace := range traces(k) {
		require.NotContains(t, text, trace)
	}
}

func TestPrivateKeyIsHiddenInEveryOutput(t *testing.T) {
	k := loopback.Key(t)
	type holder struct {
		Key  intentra.PrivateKey
		Keys []intentra.PrivateKey
		At   *intentra.PrivateKey
	}
	h := holder{k, []intentra.PrivateKey{k}, &k}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%z"} {
		for _, value := range []any{k, &k, h, &h, intentra.Config{Key: k}, map[string]any{"k": k}} {
			text := fmt.Sprintf(verb, value)
			require.NotEmpty(t, text)
			requireNoTrace(t, k, text)
		}
	}
	requireNoTrace(t, k, k.String()+k.GoString()+fmt.Sprint(k, &k, h)+fmt.Errorf("%v %w", k, errors.New("x")).Error())

	for name, encode := range map[string]func(any) ([]byte, error){
		"json": json.Marshal, "xml": xml.Marshal,
	} {
		b, err := encode(h)
		require.ErrorContains(t, err, "use WritePrivateKey", name)
		requireNoTrace(t, k, string(b)+err.Error())
	}

	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).With("with", k).Info("key", "key", k, "at", &k, "holder", h, slog.Group("group", "key", k))
	}
	require.Contains(t, log.String(), "hidden")
	requireNoTrace(t, k, log.String())
}

// fmt does not call methods of the values in unexported fields, so a Transport must
// not hold its private key in a field.
func TestTransportPrintsNoKey(t *testing.T) {
	k := loopback.Key(t)
	l := loopback.Listen(t, intentra.Config{Key: k})
	// Printing reads all fields, which the loop must not write at the same time.
	require.NoError(t, l.Close())
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		requireNoTrace(t, k, fmt.Sprintf(verb, l))
	}
	require.Equal(t, k.Public(), l.PublicKey())
}

func TestPublicKeyText(t *testing.T) {
	k := loopback.Key(t).Public()
	text := k.String()
	require.Len(t, text, 44)

	for _, spelling := range []string{text, " " + text + "\n", "\t" + text + "\r\n"} {
		back, err := intentra.ParsePublicKey(spelling)
		require.NoError(t, err)
		require.Equal(t, k, back)
	}

	b, err := json.Marshal(map[string]intentra.PublicKey{"k": k})
	require.NoError(t, err)
	require.JSONEq(t, `{"k":"`+text+`"}`, string(b))
	var back map[string]intentra.PublicKey
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, k, back["k"])
}

// Each key has exactly one text form, so that keys can be compared as texts.
func TestParsePublicKeyRefusesEverythingElse(t *testing.T) {
	k := loopback.Key(t).Public()
	text := k.String()
	for name, bad := range map[string]string{
		"empty":           "",
		"space":           "   ",
		"too short":       text[:40],
		"too long":        text + text,
		"no padding":      text[:43],
		"31 bytes":        base64.StdEncoding.EncodeToString(k[:31]),
		"33 bytes":        base64.StdEncoding.EncodeToString(append(k[:], 1)),
		"hex":             hex.EncodeToString(k[:]),
		"url alphabet":    "-_" + text[2:],
		"line break":      text[:20] + "\n" + text[20:],
		"trailing bits":   strings.Repeat("A", 42) + "B=",
		"zero":            strings.Repeat("A", 43) + "=",
		"something after": text + " robot",
	} {
		got, err := intentra.ParsePublicKey(bad)
		require.ErrorIs(t, err, intentra.ErrKey, name)
		require.Zero(t, got, name)
		if len(bad) > 8 {
			require.NotContains(t, err.Error(), bad[:8], "it may be a private key")
		}
		require.ErrorIs(t, got.UnmarshalText([]byte(bad)), intentra.ErrKey)
	}
}

func TestPublicIsTheX25519Product(t *testing.T) {
	// RFC 7748 section 6.1, Alice.
	private, err := hex.DecodeString("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
	require.NoError(t, err)
	require.Equal(t, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		fmt.Sprintf("%x", [32]byte(intentra.PrivateKey(private).Public())))
	require.Zero(t, intentra.PrivateKey{}.Public())
}

func TestGeneratedKeysDiffer(t *testing.T) {
	seen := map[intentra.PrivateKey]bool{}
	for range 100 {
		k := loopback.Key(t)
		require.False(t, seen[k])
		require.NotZero(t, k)
		seen[k] = true
	}
}
