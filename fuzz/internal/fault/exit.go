package fault

import (
	"fmt"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

// Exit describes a call of the user's code that did not return.
type Exit struct {
	Value any    // of the panic; nil if it was runtime.Goexit
	Stack string // from the line of the panic or Goexit up to the kit
}

// Catch calls f and returns nil if f returns. It uses a goroutine of its own, because
// runtime.Goexit cannot be stopped and must not end the goroutine of a test.
func Catch(f func()) *Exit {
	ended := make(chan *Exit, 1)
	go func() {
		returned := false
		defer func() {
			if returned {
				ended <- nil
				return
			}
			e := &Exit{Value: recover()}
			e.Stack = e.cut(string(debug.Stack()))
			ended <- e
		}()
		f()
		returned = true
	}()
	return <-ended
}

// Error returns an error that says who did not return and when. It begins with prefix;
// advice is added for a panic.
func (e *Exit) Error(prefix, who, when, advice string) *Error {
	return New(who+" "+e.verb()+": "+e.Site(), fmt.Sprintf("%s: %s %s %s: %s\n%s", prefix, who, e.verb(), when, e.what(advice), e.Stack))
}

func (e *Exit) verb() string {
	if e.Value == nil {
		return "called runtime.Goexit"
	}
	return "panicked"
}

func (e *Exit) what(advice string) string {
	switch {
	case e.Value == nil:
		return "it ends the goroutine, which in a driver is the event loop. FailNow, Fatal and Skip of a test also call it"
	case advice == "":
		return fmt.Sprint(e.Value)
	}
	return fmt.Sprintf("%v\n%s", e.Value, advice)
}

// String returns the value and the line, without the stack, whose addresses differ from
// run to run.
func (e *Exit) String() string {
	if e.Value == nil {
		return "runtime.Goexit at " + e.Site()
	}
	return fmt.Sprintf("%v at %s", e.Value, e.Site())
}

// Site returns the file and line of the panic or Goexit.
func (e *Exit) Site() string {
	_, line, _ := strings.Cut(e.Stack, "\t")
	line, _, _ = strings.Cut(line, "\n") // an inlined call has no offset
	line, _, _ = strings.Cut(line, " +0x")
	return line
}

// root is the path of package fuzz.
var root = path.Dir(path.Dir(reflect.TypeFor[Exit]().PkgPath()))

// cut returns the part of a stack between the panic or Goexit and the kit.
func (e *Exit) cut(stack string) string {
	raised := "\npanic("
	if e.Value == nil {
		raised = "\nruntime.Goexit("
	}
	if _, after, ok := strings.Cut(stack, raised); ok {
		_, stack, _ = strings.Cut(after, "\n\t")
		_, stack, _ = strings.Cut(stack, "\n")
	}
	for _, kit := range []string{".", "/chain.", "/internal/"} {
		stack, _, _ = strings.Cut(stack, "\n"+root+kit)
	}
	return stack
}

// NameOf returns the name of a function with its package, for failures.
func NameOf(function any) string {
	f := runtime.FuncForPC(reflect.ValueOf(function).Pointer())
	if f == nil {
		return "the function"
	}
	return path.Base(f.Name())
}
