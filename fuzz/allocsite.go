package fuzz

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
)

// allocationSite runs f, in which the stage allocates, and returns the calls from the
// stage's method to the line that allocates most often, or "" if it cannot tell.
// Allocations of the kit and of other goroutines are left out.
func allocationSite(f func()) string {
	rate := runtime.MemProfileRate
	defer func() { runtime.MemProfileRate = rate }()
	before := map[[32]uintptr]int64{}
	for _, r := range memProfile() {
		before[r.Stack0] = r.AllocObjects
	}
	runtime.MemProfileRate = 1
	f()
	runtime.MemProfileRate = rate
	site, most := "", int64(0)
	for _, r := range memProfile() {
		n := r.AllocObjects - before[r.Stack0]
		if calls := callsOf(r.Stack()); n > most && calls != "" {
			site, most = calls, n
		}
	}
	return site
}

// memProfile returns the records of all allocations so far. The runtime publishes
// them two collections late.
func memProfile() []runtime.MemProfileRecord {
	runtime.GC()
	runtime.GC()
	n, _ := runtime.MemProfile(nil, true)
	for {
		records := make([]runtime.MemProfileRecord, n+64)
		var ok bool
		if n, ok = runtime.MemProfile(records, true); ok {
			return records[:n]
		}
	}
}

// kitPath is the import path of this package.
var kitPath = reflect.TypeFor[kit]().PkgPath()

// callsOf returns the frames of a stack between the runtime and the kit, one a line,
// or "" for an allocation that no stage has made.
func callsOf(stack []uintptr) string {
	var b strings.Builder
	frames := runtime.CallersFrames(stack)
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case strings.HasPrefix(f.Function, kitPath+".(*loop).round"):
			return b.String()
		case strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, kitPath+".") && !strings.HasSuffix(f.File, "_test.go"):
			continue
		}
		fmt.Fprintf(&b, "\n%s\n\t%s:%d", f.Function, f.File, f.Line)
	}
	return ""
}
