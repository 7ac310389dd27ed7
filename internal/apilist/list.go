package main

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const modulePath = "github.com/intentra/intentra"

// exportedAPI returns the list for the module in dir, sorted. It is that of
// linux/amd64, wherever it is made.
func exportedAPI(dir string) ([]string, error) {
	packages, err := compiledPackages(dir)
	if err != nil {
		return nil, err
	}
	lookup := func(path string) (io.ReadCloser, error) {
		file, ok := packages[path]
		if !ok || file == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(file)
	}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", lookup)
	var lines []string
	for path := range packages {
		if !public(path) {
			continue
		}
		p, err := imports.Import(path)
		if err != nil {
			return nil, err
		}
		if p.Name() != "main" {
			lines = append(lines, packageAPI(p)...)
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// compiledPackages returns the file with the compiler's export data of each
// package of the module in dir and of all that these import.
func compiledPackages(dir string) (map[string]string, error) {
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./...")
	list.Dir = dir
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	packages := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		packages[path] = file
	}
	return packages, nil
}

// public reports whether other modules may import the package.
func public(path string) bool {
	return (path == modulePath || strings.HasPrefix(path, modulePath+"/")) && !strings.Contains(path+"/", "/internal/")
}

// packageAPI returns a line for each exported name of p: constants with their
// values, variables, functions, types, and the exported fields and methods of
// types, promoted methods included.
func packageAPI(p *types.Package) []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, "pkg "+short(p)+", "+fmt.Sprintf(format, args...))
	}
	qualify := func(other *types.Package) string {
		if other == p {
			return ""
		}
		return short(other)
	}
	text := func(t types.Type) string { return types.TypeString(t, qualify) }
	signature := func(f *types.Func) string {
		return strings.TrimPrefix(text(f.Signature()), "func")
	}

	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch o := object.(type) {
		case *types.Const:
			add("const %s %s = %s", name, text(o.Type()), o.Val().ExactString())
		case *types.Var:
			add("var %s %s", name, text(o.Type()))
		case *types.Func:
			add("func %s%s", name, signature(o))
		case *types.TypeName:
			if o.IsAlias() {
				add("type %s = %s", name, text(types.Unalias(o.Type())))
				continue
			}
			addType(add, text, signature, o)
		}
	}
	return lines
}

func addType(add func(string, ...any), text func(types.Type) string, signature func(*types.Func) string, o *types.TypeName) {
	name := o.Name()
	switch u := o.Type().Underlying().(type) {
	case *types.Struct:
		add("type %s struct", name+typeParameters(o, text))
		for field := range u.Fields() {
			switch {
			case field.Embedded() && field.Exported():
				add("type %s struct, embedded %s", name, text(field.Type()))
			case field.Exported():
				add("type %s struct, %s %s", name, field.Name(), text(field.Type()))
			}
		}
	case *types.Interface:
		add("type %s interface", name+typeParameters(o, text))
		for method := range u.Methods() {
			add("type %s interface, %s%s", name, method.Name(), signature(method))
		}
		return // the methods of its method set are those
	default:
		add("type %s %s", name+typeParameters(o, text), text(u))
	}
	byValue := types.NewMethodSet(o.Type())
	for selection := range types.NewMethodSet(types.NewPointer(o.Type())).Methods() {
		method := selection.Obj().(*types.Func)
		if !method.Exported() {
			continue
		}
		receiver := "*" + name
		if byValue.Lookup(method.Pkg(), method.Name()) != nil {
			receiver = name
		}
		add("method (%s) %s%s", receiver, method.Name(), signature(method))
	}
}

// typeParameters returns "[T constraint]" of a generic type.
func typeParameters(o *types.TypeName, text func(types.Type) string) string {
	named, ok := o.Type().(*types.Named)
	if !ok || named.TypeParams().Len() == 0 {
		return ""
	}
	var list []string
	for p := range named.TypeParams().TypeParams() {
		list = append(list, p.Obj().Name()+" "+text(p.Constraint()))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// short returns the import path of p relative to the module: the root package
// is "intentra".
func short(p *types.Package) string {
	if p.Path() == modulePath {
		return "intentra"
	}
	return strings.TrimPrefix(p.Path(), modulePath+"/")
}
