package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// What we chose. Clocks of machines may differ by certSkew.
const (
	authorityYears = 10
	certSkew       = time.Hour
)

var certName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

type certsCommand struct {
	Dir  string   `arg:"" help:"The folder for the files. An authority that is there already is used."`
	Hubs []string `arg:"" name:"hub" help:"For each hub NAME, or NAME=HOST,...: the DNS names and IP addresses under which others connect to it, by default NAME."`
	Days int      `default:"365" help:"How long the certificates of hubs are valid, 1 to 3,650 days."`
}

// Run makes a private authority and a certificate for each hub.
func (c *certsCommand) Run(_ context.Context, o *output) error {
	if c.Days < 1 || c.Days > 365*authorityYears {
		return usageError{fmt.Errorf("certs: --days is %d; give 1 to 3,650", c.Days)}
	}
	hosts := make(map[string][]string)
	for _, h := range c.Hubs {
		name, list, given := strings.Cut(h, "=")
		if !given {
			list = name
		}
		if !certName.MatchString(name) || name == "ca" || list == "" || hosts[name] != nil {
			return usageError{fmt.Errorf("certs: %q is not NAME or NAME=HOST,...; the name is that of files, is not %q and comes once", h, "ca")}
		}
		hosts[name] = strings.Split(list, ",")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	a, err := openAuthority(c.Dir)
	if err != nil {
		return err
	}
	for _, h := range c.Hubs {
		name, _, _ := strings.Cut(h, "=")
		until, err := a.issue(c.Dir, name, hosts[name], time.Duration(c.Days)*24*time.Hour)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s for %s until %s\n", filepath.Join(c.Dir, name+".pem"), strings.Join(hosts[name], ", "), until.Format(time.DateOnly))
	}
	return nil
}

// authority signs the certificates of a fleet.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openAuthority reads the authority in dir, or makes a new one if it is missing.
func openAuthority(dir string) (*authority, error) {
	certFile, keyFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	certPEM, err := os.ReadFile(certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(certFile, keyFile)
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("certs: %s or %s has no PEM block", certFile, keyFile)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certs: %s: %w", certFile, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certs: %s: %w", keyFile, err)
	}
	own, ok := key.(*ecdsa.PrivateKey)
	if !ok || !own.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("certs: %s is not the key of %s", keyFile, certFile)
	}
	return &authority{cert, own}, nil
}

func newAuthority(certFile, keyFile string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "intentra fleet"},
		NotBefore: now.Add(-certSkew), NotAfter: now.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key}, writePair(certFile, keyFile, der, key)
}

// issue makes a certificate with which a hub is a server and a client of the others.
func (a *authority) issue(dir, name string, hosts []string, valid time.Duration) (until time.Time, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return until, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-certSkew), NotAfter: now.Add(valid),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return until, err
	}
	return template.NotAfter, writePair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"), der, key)
}

// serial returns a random serial number of 127 bits.
func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// writePair writes a private key, which only its owner may read, and its certificate. It
// overwrites nothing: a key in use would be lost.
func writePair(certFile, keyFile string, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeNew(keyFile, 0o600, "PRIVATE KEY", der); err != nil {
		return err
	}
	return writeNew(certFile, 0o644, "CERTIFICATE", cert)
}

func writeNew(path string, mode fs.FileMode, kind string, der []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("certs: %s exists and is not overwritten; to replace a certificate, move its file and that of its key away", path)}
	}
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
}
