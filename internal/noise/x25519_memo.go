//go:build x25519memo

package noise

import (
	"bytes"
	"crypto/ecdh"
	"sync"
)

// This build is for fuzzing campaigns alone (.ci/fuzz), which draw the same keys
// from the same seed for each input, and spent most of their time in multiplying
// them again. It remembers secrets, which nothing else may; no program is built
// with it.

// memoEntries bounds each table, which is emptied when it is full.
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
