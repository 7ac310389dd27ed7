package threat

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
)

// inside returns the field at path in the value that v points to. Tests use it
// to check that an attack left private state unchanged.
func inside(t testing.TB, v any, path ...string) reflect.Value {
	t.Helper()
	at := reflect.ValueOf(v)
	for _, name := range path {
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Interface {
			at = at.Elem()
		}
		at = at.FieldByName(name)
		require.True(t, at.IsValid(), "no field %s of %v", name, path)
	}
	return at
}

// session returns the field at path in the session that n has with the peer.
func session(t testing.TB, n *sim.Node, peer intentra.PublicKey, path ...string) reflect.Value {
	t.Helper()
	p := n.Endpoint().Peer(peer)
	require.NotNil(t, p)
	require.True(t, p.Connected())
	return inside(t, p, append([]string{"session"}, path...)...)
}

// stageOf returns the hub's stage of type S.
func stageOf[S pipeline.Stage](s *scene) (found S) {
	for _, stage := range s.hub.Endpoint().Inbound().Stages() {
		if x, ok := stage.(S); ok {
			return x
		}
	}
	require.Fail(s.t, "no such stage")
	return found
}

// written returns v and everything it points to as text. Equal texts mean equal
// values.
func written(v reflect.Value) string {
	var b strings.Builder
	write(&b, v)
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			write(b, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			write(b, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(b, "%d[", v.Len())
		for i := range v.Len() {
			write(b, v.Index(i))
		}
		b.WriteByte(']')
	default:
		fmt.Fprint(b, v)
	}
	b.WriteByte(' ')
}
