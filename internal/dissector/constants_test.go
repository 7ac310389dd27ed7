package dissector

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// The dissector names every packet type, suite, frame type, rekey step and close
// reason of package wire.
func TestConstantsOfWireAreNamed(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		goType, prefix, field string
		file                  func([][]byte) capture
		options               []string
		least                 int
		packet                func(value byte) []byte
	}{
		{"PacketType", "Type", "intentra.type", datagrams, asIntentra, 5, func(v byte) []byte {
			return wire.AppendHeader(nil, wire.Header{Type: wire.PacketType(v)})
		}},
		{"Suite", "", "intentra.suite", datagrams, asIntentra, 2, func(v byte) []byte {
			return wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.Suite(v)})
		}},
		{"FrameType", "Frame", "intentra.frame.type", plaintexts, asFrames, 10, func(v byte) []byte { return []byte{v} }},
		{"RekeyStep", "Rekey", "intentra.frame.step", plaintexts, asFrames, 4, func(v byte) []byte {
			return wire.AppendRekey(nil, wire.RekeyStep(v), nil)
		}},
		{"CloseReason", "Close", "intentra.frame.reason", plaintexts, asFrames, 11, func(v byte) []byte {
			return wire.AppendClose(nil, wire.CloseReason(v))
		}},
	} {
		t.Run(kind.goType, func(t *testing.T) {
			constants := constantsOf(t, kind.goType)
			require.GreaterOrEqual(t, len(constants), kind.least)
			var packets [][]byte
			for _, c := range constants {
				packets = append(packets, kind.packet(c.value))
			}
			for i, p := range dissect(t, kind.file(packets), kind.options...) {
				c := constants[i]
				want := strings.TrimPrefix(c.name, kind.prefix)
				switch kind.goType {
				case "Suite": // by its Noise protocol name
					want = fmt.Sprintf("Noise_XX_25519_%s_SHA256", want)
				case "CloseReason":
					want = wire.CloseReason(c.value).String()
				}
				found := p.find(kind.field)
				require.Len(t, found, 1, c.name)
				require.Contains(t, strings.ToLower(found[0].label), strings.ToLower(fmt.Sprintf(": %s (%d)", want, c.value)), c.name)
			}
		})
	}
}

type constant struct {
	name  string
	value byte
}

// constantsOf returns the constants of a type of package wire, from its source.
func constantsOf(t *testing.T, goType string) (found []constant) {
	files, err := filepath.Glob(filepath.Join("..", "..", "wire", "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == goType && len(spec.Values) == 1 {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
					v, err := strconv.ParseUint(literal.Value, 0, 8)
					require.NoError(t, err)
					found = append(found, constant{spec.Names[0].Name, byte(v)})
				}
			}
			return true
		})
	}
	return found
}
