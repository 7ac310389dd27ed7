//go:build x25519memo

package noise

import (
	"bytes"
	"crypto/ecdh"
	"sync"
)

// This file is for fuzzing campaigns (.ci/fuzz) only. They use the same keys for
// each input, and would spend most of their time multiplying them again. It keeps
// secrets in memory, so no program may be built with it.

// memoEntries bounds each table. A full table is cleared.
const memoEntries = 1 << 15

type product struct {
	private *ecdh.PrivateKey
	public  [KeySize]byte
}

var (
	memo     sync.Mutex
	keys     = map[[KeySize]byte]*ecdh.PrivateKey{}
	products = map[product][]byte{}
)

func x25519Key(b []byte) (*ecdh.PrivateKey, error) {
	memo.Lock()
	defer memo.Unlock()
	if key := keys[[KeySize]byte(b)]; key != nil {
		return key, nil
	}
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err == nil {
		if len(keys) == memoEntries {
			clear(keys)
		}
		keys[[KeySize]byte(b)] = key
	}
	return key, err
}

func x25519(private *ecdh.PrivateKey, public *ecdh.PublicKey) ([]byte, error) {
	memo.Lock()
	defer memo.Unlock()
	p := product{private, [KeySize]byte(public.Bytes())}
	if secret, ok := products[p]; ok {
		return bytes.Clone(secret), nil
	}
	secret, err := private.ECDH(public)
	if err == nil {
		if len(products) == memoEntries {
			clear(products)
		}
		products[p] = bytes.Clone(secret)
	}
	return secret, err
}
