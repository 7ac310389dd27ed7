package main

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// unprivileged is the user of the image, by convention that of images without a system.
const unprivileged = "65532:65532"

// image writes an OCI image for all Linux targets as one file: an image layout (OCI
// image specification, image-layout.md) in a tar archive, which podman load, skopeo and
// docker load read. It holds the command and nothing else.
func (b *build) image(binaries map[target]string, folder string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, t := range b.linux() {
		img, err := b.imageFor(t, binaries[t])
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img,
			Descriptor: v1.Descriptor{
				Platform:    &v1.Platform{OS: t.os, Architecture: t.arch},
				Annotations: map[string]string{"org.opencontainers.image.ref.name": "intentra:" + b.version},
			},
		})
	}
	if _, err := layout.Write(folder, index); err != nil {
		return err
	}
	var entries []entry
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, name)
		entries = append(entries, entry{filepath.ToSlash(rel), name, 0o644})
		return err
	})
	if err != nil {
		return err
	}
	return writeFile(b.name("oci.tar"), func(w io.Writer) error { return writeTar(w, entries, b.time) })
}

func (b *build) imageFor(t target, binary string) (v1.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "intentra", Mode: 0o555, Size: int64(len(content)), ModTime: b.time, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: b.time}, CreatedBy: "release"}})
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, b.config(img, t))
}

// config returns the configuration of an image: the command, its user, and its origin.
func (b *build) config(img v1.Image, t target) *v1.ConfigFile {
	cfg, err := img.ConfigFile()
	if err != nil {
		panic(err) // the image is in memory
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture, cfg.Created = t.os, t.arch, v1.Time{Time: b.time}
	cfg.Config = v1.Config{
		User: unprivileged, Entrypoint: []string{"/intentra"}, Cmd: []string{"--help"}, WorkingDir: "/",
		ExposedPorts: map[string]struct{}{"9000/udp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "intentra",
			"org.opencontainers.image.version":  b.version,
			"org.opencontainers.image.revision": b.commit,
			"org.opencontainers.image.source":   "https://github.com/intentra/intentra",
			"org.opencontainers.image.licenses": "MIT OR Apache-2.0",
			"org.opencontainers.image.created":  b.time.Format("2006-01-02T15:04:05Z"),
		},
	}
	return cfg
}
