package match

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// signatureDigits is the length of a signature: 128 bits in hexadecimal.
const signatureDigits = 32

// SignCookie gives the value that a cookie must have for an attribute with that key in [Attribute.Signed]:
//
//	VALUE.SIG    SIG = the first 32 hexadecimal digits of HMAC-SHA256(key, NAME=VALUE)
//
// The name is in it so that the value of one cookie cannot be passed off as that of another. It may be called concurrently.
func SignCookie(key []byte, name, value string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name + "=" + value))
	return value + "." + hex.EncodeToString(mac.Sum(nil))[:signatureDigits]
}

// signer checks signatures. It keeps what hashing needs, so that only the first cookie of each attribute allocates. An
// event loop has one.
type signer struct {
	macs   []hash.Hash // by attribute, nil until it is used
	sum    [sha256.Size]byte
	digits [2 * sha256.Size]byte
}

// reset forgets the keys: there are others, for n attributes.
func (s *signer) reset(n int) {
	s.macs = resize(s.macs, n)
	clear(s.macs)
}

// open gives what was signed, nil if the signature is missing or wrong; name is that of the cookie, with "=". Time does not
// tell how much of a signature was right.
func (s *signer) open(attr int, key, name, cookie []byte) []byte {
	dot := bytes.LastIndexByte(cookie, '.')
	if dot < 0 || len(cookie)-dot-1 != signatureDigits {
		return nil
	}
	mac := s.macs[attr]
	if mac == nil {
		mac = hmac.New(sha256.New, key)
		s.macs[attr] = mac
	}
	mac.Reset()
	mac.Write(name)
	mac.Write(cookie[:dot])
	hex.Encode(s.digits[:], mac.Sum(s.sum[:0]))
	if subtle.ConstantTimeCompare(s.digits[:signatureDigits], cookie[dot+1:]) != 1 {
		return nil
	}
	return cookie[:dot]
}
