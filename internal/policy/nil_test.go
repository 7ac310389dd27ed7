package policy

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNilAndZeroValues calls every exported function and method of the packages in
// nilTypes with what programs pass by mistake: a nil or zero receiver, a nil or zero
// argument. Each call returns an error, or panics with a text of its package, that
// names the mistake, unless nilFine says why it succeeds. What api/api.txt lists and
// the tables do not fails, so a type or a function that is added later is not
// forgotten.
func TestNilAndZeroValues(t *testing.T) {
	listed := exportedCallables(t)
	things := newThings(t)
	var called, fine []string
	for _, c := range listed {
		t.Run(c.name, func(t *testing.T) {
			for _, one := range c.mistakes(t, things) {
				outcome := one.call()
				if why := nilFine[one.name]; why != "" {
					fine = append(fine, one.name)
					assert.Error(t, outcome.named(one.want...), "%s needs no exception (%s)", one.name, why)
					continue
				}
				if !one.useful || outcome.panicked != nil {
					assert.NoError(t, outcome.named(one.want...), one.name)
				}
				called = append(called, one.name)
			}
		})
	}
	require.Greater(t, len(called), 200)
	for name := range nilFine {
		require.Contains(t, fine, name, "nilFine has a call that does not exist")
	}
}

// callable is an exported function or method.
type callable struct {
	pkg, receiver, name string // the receiver as in "*Peer", empty for a function
	f                   reflect.Value
}

var apiCall = regexp.MustCompile(`^pkg ([^,]+), (?:func (\w+)|method \((\*?\w+)\) (\w+))[\[(]`)

// exportedCallables returns all that api/api.txt lists for the packages of nilTypes.
func exportedCallables(t *testing.T) (all []callable) {
	b, err := os.ReadFile("../../api/api.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		m := apiCall.FindStringSubmatch(line)
		if m == nil || !slices.Contains(nilPackages, m[1]) {
			continue
		}
		c := callable{pkg: m[1], receiver: m[3], name: m[1] + "." + m[2]}
		if c.receiver == "" {
			f, ok := nilFunctions[c.name]
			require.True(t, ok, "add %s to nilFunctions", c.name)
			c.f = reflect.ValueOf(f)
		} else {
			value, ok := nilTypes[m[1]+"."+strings.TrimPrefix(c.receiver, "*")]
			require.True(t, ok, "add %s of %s to nilTypes", c.receiver, m[1])
			of := reflect.TypeOf(value)
			if !strings.HasPrefix(c.receiver, "*") {
				of = of.Elem()
			}
			method, ok := of.MethodByName(m[4])
			require.True(t, ok, "%s has no method %s", of, m[4])
			c.f, c.name = method.Func, fmt.Sprintf("%s.(%s).%s", m[1], c.receiver, m[4])
		}
		all = append(all, c)
	}
	require.NotEmpty(t, all)
	return all
}

// mistake is a call with one value that is nil or zero.
type mistake struct {
	name string
	f    reflect.Value
	args []reflect.Value
	want []string // what the error or the panic says, or one of these
	// useful is set for a zero value that need not be a mistake.
	useful bool
}

// mistakes returns the calls of c.
func (c *callable) mistakes(t *testing.T, have *things) (all []mistake) {
	of := c.f.Type()
	if c.receiver != "" {
		m := mistake{name: c.name + " of zero", f: c.f, args: have.arguments(of), want: []string{"the " + c.receiver + " is "}}
		if m.args[0] = reflect.Zero(of.In(0)); strings.HasPrefix(c.receiver, "*") {
			m.name = c.name + " of nil"
			zero := m
			zero.name, zero.args = c.name+" of zero", slices.Clone(m.args)
			zero.args[0] = reflect.New(of.In(0).Elem())
			zero.useful = zeroUseful[c.pkg+"."+c.receiver] != ""
			all = append(all, zero)
		} else {
			m.useful = true
		}
		all = append(all, m)
	}
	for i := min(len(c.receiver), 1); i < of.NumIn(); i++ {
		for _, v := range wrongValues(of.In(i)) {
			m := mistake{name: fmt.Sprintf("%s(%s %s) of argument %d", c.name, nilOrZero(v), of.In(i), i+1-min(len(c.receiver), 1)), f: c.f, args: have.arguments(of)}
			if c.receiver != "" && !m.args[0].IsValid() {
				t.Errorf("things needs a %s, to call %s", of.In(0), c.name)
				continue
			}
			m.args[i] = v
			m.want = []string{"nil", "needs"}
			all = append(all, m)
		}
	}
	return all
}

// wrongValues returns the nil value of a type that has one, the pointer to a zero
// value, and for a slice, which may be nil, those of its elements.
func wrongValues(of reflect.Type) (all []reflect.Value) {
	switch of.Kind() {
	case reflect.Interface, reflect.Func, reflect.Map, reflect.Chan:
		return []reflect.Value{reflect.Zero(of)}
	case reflect.Pointer:
		return []reflect.Value{reflect.Zero(of), reflect.New(of.Elem())}
	case reflect.Slice:
		for _, v := range wrongValues(of.Elem()) {
			all = append(all, reflect.Append(reflect.Zero(of), v))
		}
	}
	return all
}

func nilOrZero(v reflect.Value) string {
	for v.Kind() == reflect.Slice {
		v = v.Index(0)
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() || !v.IsZero() || v.Kind() == reflect.Struct {
		return "zero"
	}
	return "nil"
}

// outcome is what became of a call.
type outcome struct {
	err      error
	panicked any
}

func (m *mistake) call() (o outcome) {
	defer func() { o.panicked = recover() }()
	call := m.f.Call
	if m.f.Type().IsVariadic() {
		call = m.f.CallSlice
	}
	for _, v := range call(m.args) {
		o.err = errors.Join(o.err, errorIn(v))
	}
	return o
}

// errorIn returns the error that a result is, has as its field Err, or that an
// iterator yields first.
func errorIn(v reflect.Value) error {
	if v.Kind() == reflect.Func && v.Type().CanSeq2() {
		for _, second := range v.Seq2() {
			return errorIn(second)
		}
	}
	if v.Kind() == reflect.Struct && v.FieldByName("Err").IsValid() {
		v = v.FieldByName("Err")
	}
	if v.Kind() == reflect.Interface && !v.IsNil() {
		err, _ := v.Interface().(error)
		return err
	}
	return nil
}

// named returns nil if the outcome names the mistake with one of the words.
func (o outcome) named(words ...string) error {
	var text string
	switch r := o.panicked.(type) {
	case runtime.Error:
		return fmt.Errorf("it panics in the runtime: %w", r)
	case nil:
		if o.err == nil {
			return errors.New("it succeeds")
		}
		text = o.err.Error()
	default:
		text = fmt.Sprint(r)
	}
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
		return fmt.Errorf("the text %q does not name the mistake", text)
	}
	return nil
}
