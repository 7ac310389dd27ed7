package contender

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"
)

// ErrPinned is returned when the other side has a certificate other than the
// pinned one.
var ErrPinned = errors.New("contender: unexpected certificate")

// OwnCertificate returns the certificate of this process. It is always the same,
// because making one is not part of a handshake.
var OwnCertificate = sync.OnceValues(NewCertificate)

// NewCertificate returns a self-signed P-256 certificate that is valid for a day.
func NewCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), crypto.Signer(key))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Pinned returns a VerifyPeerCertificate function that accepts only the given
// certificate.
func Pinned(der []byte) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) != 1 || !slices.Equal(raw[0], der) {
			return ErrPinned
		}
		return nil
	}
}
