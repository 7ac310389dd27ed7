package foxglove

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/intentra/intentra/hub"
)

// form is how the payloads of a topic are sent.
type form uint8

const (
	formJSON     form = iota // as they are
	formPosition             // an object with the coordinates of a binary layout
	formBytes                // an object with the payload in base64
)

// encodingJSON is the [hub.Topic].Encoding of payloads that are JSON.
const encodingJSON = "json"

// schema is a node of a JSON schema.
type schema struct {
	Type            string             `json:"type"`
	Properties      map[string]*schema `json:"properties,omitempty"`
	Items           *schema            `json:"items,omitempty"`
	ContentEncoding string             `json:"contentEncoding,omitempty"`
}

// describe returns how the payloads of a topic are sent, and the name and text of their
// schema. Topics with the same name of a schema have the same schema.
func describe(t *hub.Topic) (f form, name, text string) {
	root := &schema{Type: "object"}
	switch l := t.Layout; {
	case l != nil && l.X.Pointer != "":
		name = encodingJSON
		for _, pointer := range pointers(l) {
			root.place(strings.Split(pointer[1:], "/"))
			name += " " + pointer
		}
	case l != nil:
		f, name = formPosition, "position"
		root.Properties = map[string]*schema{"x": {Type: "number"}, "y": {Type: "number"}}
		if l.Z != nil {
			name = "position 3D"
			root.Properties["z"] = &schema{Type: "number"}
		}
	case t.Encoding == encodingJSON:
		name = encodingJSON
	default:
		f, name = formBytes, "bytes"
		root.Properties = map[string]*schema{"data": {Type: "string", ContentEncoding: "base64"}}
	}
	b, err := json.Marshal(root)
	if err != nil {
		b = []byte(`{"type":"object"}`) // unreachable: JSON has all values of a schema
	}
	return f, "intentra " + name, string(b)
}

func pointers(l *hub.Layout) []string {
	list := []string{l.X.Pointer, l.Y.Pointer}
	if l.Z != nil {
		list = append(list, l.Z.Pointer)
	}
	return list
}

// place adds a number at a path. A level that is an index is an array, whose elements
// share one schema.
func (s *schema) place(path []string) {
	for _, token := range path {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		var next *schema
		if _, err := strconv.ParseUint(token, 10, 16); err == nil && s.Properties == nil {
			if s.Items == nil {
				s.Type, s.Items = "array", &schema{Type: "number"}
			}
			next = s.Items
		} else {
			if s.Properties == nil {
				s.Type, s.Items, s.Properties = "object", nil, make(map[string]*schema)
			}
			if s.Properties[token] == nil {
				s.Properties[token] = &schema{Type: "number"}
			}
			next = s.Properties[token]
		}
		s = next
	}
}

// appendPayload appends the JSON of a payload to b. ok is false if the payload is not
// what its topic declares; b is then returned as it was.
func (f form) appendPayload(b []byte, t *hub.Topic, payload []byte) (out []byte, ok bool) {
	switch f {
	case formJSON:
		if !json.Valid(payload) {
			return b, false
		}
		return append(b, payload...), true
	case formPosition:
		x, y, z, ok := t.Layout.Position(payload)
		if !ok {
			return b, false
		}
		b = appendNumber(append(b, `{"x":`...), x)
		b = appendNumber(append(b, `,"y":`...), y)
		if !math.IsNaN(z) {
			b = appendNumber(append(b, `,"z":`...), z)
		}
		return append(b, '}'), true
	}
	b = base64.StdEncoding.AppendEncode(append(b, `{"data":"`...), payload)
	return append(b, `"}`...), true
}

func appendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) }
