package hub

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxPointer is the length of the longest [Field].Pointer, in bytes.
const MaxPointer = 40

// Layout says where the position of an object is in the payloads of a topic. X and Y
// are required, Z is optional.
type Layout struct {
	X Field  `json:"x"`
	Y Field  `json:"y"`
	Z *Field `json:"z,omitempty"`
}

// Field is where one coordinate is: a JSON pointer, or an offset and a type.
type Field struct {
	// Pointer is a JSON pointer (RFC 6901) to a number, for example "/pose/x", if the
	// payload is JSON.
	Pointer string `json:"pointer,omitempty"`
	// Offset is the offset of the coordinate in bytes, if the payload is binary.
	Offset int `json:"offset,omitempty"`
	// Type is its type: "f32" or "f64" (IEEE 754), "i32" or "i64" (two's complement),
	// followed by "le" or "be" for the order of its bytes.
	Type string `json:"type,omitempty"`
}

// fieldType returns the size and the decoder of a type of fields, or a nil decoder if there is
// no such type. A page that shows many positions asks for every coordinate, so this is a switch
// and not a map.
func fieldType(name string) (size int, read func(b []byte) float64) {
	switch name {
	case "f32le":
		return 4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }
	case "f32be":
		return 4, func(b []byte) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) }
	case "f64le":
		return 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
	case "f64be":
		return 8, func(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }
	case "i32le":
		return 4, func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) }
	case "i32be":
		return 4, func(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) }
	case "i64le":
		return 8, func(b []byte) float64 { return float64(int64(binary.LittleEndian.Uint64(b))) }
	case "i64be":
		return 8, func(b []byte) float64 { return float64(int64(binary.BigEndian.Uint64(b))) }
	}
	return 0, nil
}

func (l Layout) fields() []Field {
	fields := []Field{l.X, l.Y}
	if l.Z != nil {
		fields = append(fields, *l.Z)
	}
	return fields
}

func (l Layout) same(other Layout) bool {
	if (l.Z == nil) != (other.Z == nil) {
		return false
	}
	return l.X == other.X && l.Y == other.Y && (l.Z == nil || *l.Z == *other.Z)
}

func (l Layout) check() error {
	inJSON := l.X.Pointer != ""
	for _, f := range l.fields() {
		if err := f.check(); err != nil {
			return fmt.Errorf("layout: %w", err)
		}
		if (f.Pointer != "") != inJSON {
			return errors.New("layout: some coordinates are in JSON and others are not")
		}
	}
	return nil
}

func (f Field) check() error {
	switch _, read := fieldType(f.Type); {
	case f.Pointer != "" && (f.Type != "" || f.Offset != 0):
		return errors.New("a coordinate has both a pointer and an offset")
	case len(f.Pointer) > MaxPointer || !printable(f.Pointer):
		return fmt.Errorf("a pointer is not printable text of at most %d bytes", MaxPointer)
	case f.Pointer != "" && f.Pointer[0] != '/':
		return fmt.Errorf("the pointer %q does not begin with a slash", f.Pointer)
	case f.Pointer == "" && read == nil:
		return fmt.Errorf("a coordinate has the unknown type %q", f.Type)
	case f.Offset < 0 || f.Offset > math.MaxUint16:
		return fmt.Errorf("the offset %d is out of range", f.Offset)
	}
	return nil
}

// Position returns the coordinates in a payload. Without a Z, z is NaN. ok is false if
// the payload has no such numbers.
func (l Layout) Position(payload []byte) (x, y, z float64, ok bool) {
	p, ok := l.position(payload)
	return p.x, p.y, p.z, ok
}

// position is where an object is. Without a z, its z is NaN.
type position struct{ x, y, z float64 }

// position finds the position in a payload; ok is false if it has none.
func (l *Layout) position(payload []byte) (p position, ok bool) {
	var document any
	if l.X.Pointer != "" {
		if document, ok = parse(payload); !ok {
			return p, false
		}
	}
	x, okX := l.X.read(payload, document)
	y, okY := l.Y.read(payload, document)
	z, okZ := math.NaN(), true
	if l.Z != nil {
		z, okZ = l.Z.read(payload, document)
	}
	return position{x, y, z}, okX && okY && okZ
}

func parse(payload []byte) (document any, ok bool) {
	return document, json.Unmarshal(payload, &document) == nil
}

// read returns a coordinate, which is a finite number.
func (f *Field) read(payload []byte, document any) (v float64, ok bool) {
	if f.Pointer != "" {
		return resolve(document, f.Pointer) // JSON has no others
	}
	size, read := fieldType(f.Type)
	if read == nil || f.Offset < 0 || f.Offset > len(payload)-size {
		return 0, false
	}
	v = read(payload[f.Offset:])
	return v, !math.IsNaN(v) && !math.IsInf(v, 0)
}

// resolve returns the number in a JSON document to which a pointer points.
func resolve(document any, pointer string) (float64, bool) {
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch node := document.(type) {
		case map[string]any:
			document = node[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(node) {
				return 0, false
			}
			document = node[i]
		default:
			return 0, false
		}
	}
	v, ok := document.(float64)
	return v, ok
}
