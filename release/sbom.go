package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
)

// billOfMaterials is a CycloneDX 1.5 document.
type billOfMaterials struct {
	Format     string       `json:"bomFormat"`
	Spec       string       `json:"specVersion"`
	Version    int          `json:"version"`
	Metadata   metadata     `json:"metadata"`
	Components []component  `json:"components"`
	Depends    []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type    string    `json:"type"`
	Ref     string    `json:"bom-ref"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	PURL    string    `json:"purl"`
	Hashes  []hash    `json:"hashes,omitempty"`
	License []licence `json:"licenses,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Expression string `json:"expression"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// bill writes the bill of materials of a binary: the modules that the linker says are in
// it, and the standard library.
func (b *build) bill(t target, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	return writeFile(b.name(t.String()+".cdx.json"), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b.materials(t, info))
	})
}

func (b *build) materials(t target, info *buildinfo.BuildInfo) billOfMaterials {
	main := "pkg:golang/" + info.Main.Path + "@v" + b.version
	bom := billOfMaterials{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{
		Timestamp: b.time.Format("2006-01-02T15:04:05Z"),
		Component: component{
			Type: "application", Ref: main, Name: info.Main.Path, Version: "v" + b.version,
			PURL: main + "?goos=" + t.os + "&goarch=" + t.arch + "#cmd/intentra", License: []licence{{"MIT OR Apache-2.0"}},
		},
	}}
	all := dependency{Ref: main, On: []string{}}
	add := func(name, version, sum string) {
		purl := "pkg:golang/" + name + "@" + version
		c := component{Type: "library", Ref: purl, Name: name, Version: version, PURL: purl}
		// go.sum states SHA-256 as h1: and base64 (golang.org/x/mod/sumdb/dirhash).
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:")); err == nil && sum != "" {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}}
		}
		bom.Components = append(bom.Components, c)
		all.On = append(all.On, purl)
	}
	add("std", strings.TrimPrefix(info.GoVersion, "go"), "")
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		add(m.Path, m.Version, m.Sum)
	}
	bom.Depends = []dependency{all}
	return bom
}
