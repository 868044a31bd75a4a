package match

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An override is how a tester asks for variants. It names them, says until when, and is signed with a key that the gateway
// knows:
//
//	search_v2=B, color=red; expires=1796083200; sig=5f0c...
//
// The signature is the HMAC-SHA256 (RFC 2104) of everything before "; sig=", in 64 lower-case hexadecimal digits.

const (
	expiresMark   = "; expires="
	signatureMark = "; sig="
)

// What is wrong with an override whose signature is not known to be right is said in few words: it can be anybody's.
var (
	ErrOverrideForm      = errors.New("not an override; write `EXPERIMENT=VARIANT, ...; expires=UNIXSECONDS; sig=HEX`")
	ErrOverrideLong      = fmt.Errorf("an override of more than %d bytes; name fewer experiments", MaxOverrideBytes)
	ErrOverrideSignature = errors.New("the signature is wrong; sign the override again, with the gateway's key")
	ErrOverrideExpired   = errors.New("the override has expired; sign a new one")
)

// SignOverride gives the override that forces assignments, written as `EXPERIMENT=VARIANT, ...`, until a time, which is
// rounded down to a second. It may be called concurrently.
func SignOverride(key []byte, assignments string, expires time.Time) string {
	signed := assignments + expiresMark + strconv.FormatInt(expires.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + signatureMark + hex.EncodeToString(mac.Sum(nil))
}

// OverrideReader reads overrides. It keeps what hashing needs, so that reading a valid one allocates nothing. It is not
// safe for concurrent use: an event loop has its own.
type OverrideReader struct {
	mac hash.Hash
	sum [sha256.Size]byte
	sig [sha256.Size]byte
}

// NewOverrideReader makes a reader of overrides that are signed with a key.
func NewOverrideReader(key []byte) *OverrideReader {
	return &OverrideReader{mac: hmac.New(sha256.New, key)}
}

// Read appends the variants that an override asks for, for [ExperimentSet.Assign]. With an error it appends none: one of
// the ErrOverride values as long as the signature is not known to be right, and then one that names what the set does not
// have, an experiment that is archived, or a layer that two of them are in. Time does not tell how much of a signature was
// right. value is not kept.
func (r *OverrideReader) Read(xs *ExperimentSet, value []byte, now time.Time, out []Assignment) ([]Assignment, error) {
	if len(value) > MaxOverrideBytes {
		return out, ErrOverrideLong
	}
	at := bytes.LastIndex(value, []byte(signatureMark))
	if at < 0 {
		return out, ErrOverrideForm
	}
	signed, digits := value[:at], value[at+len(signatureMark):]
	if len(digits) != hex.EncodedLen(len(r.sig)) {
		return out, ErrOverrideSignature
	}
	if _, err := hex.Decode(r.sig[:], digits); err != nil {
		return out, ErrOverrideSignature
	}
	r.mac.Reset()
	r.mac.Write(signed)
	if !hmac.Equal(r.mac.Sum(r.sum[:0]), r.sig[:]) {
		return out, ErrOverrideSignature
	}
	at = bytes.LastIndex(signed, []byte(expiresMark))
	if at < 0 {
		return out, ErrOverrideForm
	}
	expires, ok := parseInt(signed[at+len(expiresMark):])
	if !ok {
		return out, ErrOverrideForm
	}
	if now.Unix() >= expires {
		return out, ErrOverrideExpired
	}
	return xs.appendNamed(signed[:at], out)
}

// appendNamed appends the assignments of `EXPERIMENT=VARIANT, ...`.
func (xs *ExperimentSet) appendNamed(list []byte, out []Assignment) ([]Assignment, error) {
	start := len(out)
	layers := uint64(0)
	for more := true; more; {
		var element []byte
		element, list, more = bytes.Cut(list, []byte(","))
		experiment, variant, ok := bytes.Cut(trimBlanks(element), []byte("="))
		if !ok {
			return out[:start], ErrOverrideForm
		}
		e, known := xs.named.experiments[string(experiment)]
		if !known {
			return out[:start], fmt.Errorf("unknown experiment %q; %s", experiment, xs.named.suggest(string(experiment)))
		}
		t := &xs.trials[xs.ranks[e]]
		v := xs.named.variant(int(e), variant)
		switch {
		case t.bars != nil && t.bars.archived:
			return out[:start], fmt.Errorf("experiment `%s` is archived; leave it out", experiment)
		case v < 0:
			return out[:start], fmt.Errorf("experiment `%s` has no variant %q; use one of %s", experiment, variant, strings.Join(xs.named.variants[e], ", "))
		case layers>>t.layer&1 != 0:
			return out[:start], fmt.Errorf("experiment `%s` is in the same layer as one before it; name one of them", experiment)
		}
		layers |= 1 << t.layer
		out = append(out, Assignment{Experiment: int(e), Variant: v, Forced: true})
	}
	return out, nil
}

// experimentNames finds experiments and variants by what they are called.
type experimentNames struct {
	experiments map[string]uint16
	variants    [][]string // by experiment
}

func newExperimentNames(x *Experiments) *experimentNames {
	n := &experimentNames{experiments: make(map[string]uint16, len(x.Experiments))}
	for i := range x.Experiments {
		e := &x.Experiments[i]
		n.experiments[e.Name] = uint16(i)
		names := make([]string, len(e.Variants))
		for j := range e.Variants {
			names[j] = e.Variants[j].Name
		}
		n.variants = append(n.variants, names)
	}
	return n
}

// variant gives the index of a variant, -1 if there is none of the name.
func (n *experimentNames) variant(experiment int, name []byte) int {
	for i, v := range n.variants[experiment] {
		if v == string(name) {
			return i
		}
	}
	return -1
}

func (n *experimentNames) suggest(name string) string {
	var all []string
	for known := range n.experiments {
		all = append(all, known)
	}
	slices.Sort(all)
	if near := nearest(name, all); near != "" {
		return "did you mean `" + near + "`?"
	}
	return "use the name of an experiment of the request's tenant"
}
