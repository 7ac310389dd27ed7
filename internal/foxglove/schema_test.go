package foxglove

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		x, y       string
		name, want string
	}{
		{"/x", "/y", "intentra json /x /y", `{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number"}}}`},
		{"/pose/x", "/pose/y", "intentra json /pose/x /pose/y", `{"type":"object","properties":{"pose":{"type":"object","properties":{"x":{"type":"number"},"y":{"type":"number"}}}}}`},
		{"/p/0", "/p/1", "intentra json /p/0 /p/1", `{"type":"object","properties":{"p":{"type":"array","items":{"type":"number"}}}}`},
		{"/0/a", "/1/b~1c", "intentra json /0/a /1/b~1c", `{"type":"array","items":{"type":"object","properties":{"a":{"type":"number"},"b/c":{"type":"number"}}}}`},
	} {
		f, name, text := describe(&hub.Topic{Encoding: "json", Layout: &hub.Layout{X: hub.Field{Pointer: c.x}, Y: hub.Field{Pointer: c.y}}})
		require.Equal(t, formJSON, f)
		require.Equal(t, c.name, name)
		require.JSONEq(t, c.want, text)
	}
	f, name, text := describe(&hub.Topic{Encoding: "json"})
	require.Equal(t, []any{formJSON, "intentra json", `{"type":"object"}`}, []any{f, name, text})
	_, _, text = describe(&hub.Topic{Encoding: "protobuf"})
	require.JSONEq(t, `{"type":"object","properties":{"data":{"type":"string","contentEncoding":"base64"}}}`, text)
}

// The attacker is a publisher: it chooses the description of its topic and the payloads.
// Clients receive valid JSON.
func FuzzPayload(f *testing.F) {
	f.Add("json", "/a/b", "/a/0", "", 0, []byte(`{"a":[1]}`))
	f.Add("", "", "", "f64le", 8, make([]byte, 24))
	f.Add("cdr", "", "", "", 0, []byte{0xff})
	f.Fuzz(func(t *testing.T, encoding, x, y, kind string, offset int, payload []byte) {
		topic := hub.Topic{Name: "t", Intent: intentra.Latest, Encoding: encoding}
		if x != "" || kind != "" {
			topic.Layout = &hub.Layout{X: hub.Field{Pointer: x, Type: kind, Offset: offset}, Y: hub.Field{Pointer: y, Type: kind}}
		}
		if topic.Validate() != nil {
			return
		}
		form, _, text := describe(&topic)
		if !json.Valid([]byte(text)) {
			t.Fatalf("schema %s", text)
		}
		head := []byte{1}
		b, ok := form.appendPayload(head, &topic, payload)
		if ok && !json.Valid(b[1:]) {
			t.Fatalf("payload %s", b[1:])
		}
		if !ok && len(b) != len(head) {
			t.Fatalf("%d bytes of a payload that is left out", len(b)-1)
		}
	})
}
