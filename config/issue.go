package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"
)

// Issue is a value of an attribute that the gateway gives to requests that come without one, in a cookie.
type Issue struct {
	Attribute int    // its place in the schema's names
	Assign    bool   // the request that it is given to is decided with it already
	Cookie    string // its name
	Before    string // the Set-Cookie line up to the value
	After     string // the rest of that line, with its CRLF
	Key       []byte // what the value is signed with; nil: it is not signed
}

// Told is how the assignments of a request are told to its client, in a cookie.
type Told struct {
	Name   string // of the cookie; "" is off
	Before string // the Set-Cookie line up to the value
	After  string // the rest of that line, with its CRLF
	Gone   string // the whole line that takes the cookie away
}

// MaxToldBytes bounds the value of the cookie that tells the assignments: browsers refuse more than 4096 for a cookie.
// Assignments beyond it are left out.
const MaxToldBytes = 3800

func told(name string) Told {
	if name == "" {
		return Told{}
	}
	return Told{
		Name: name, Before: "Set-Cookie: " + name + "=", After: "; Path=/; SameSite=Lax\r\n",
		Gone: "Set-Cookie: " + name + "=; Path=/; Max-Age=0; SameSite=Lax\r\n",
	}
}

// issues compiles what is issued.
func (s *Snapshot) issues(keys map[string][]byte) {
	names := s.Schema.Names()
	for _, x := range s.Plan.Issued {
		after := "; Path=/; Max-Age=" + strconv.FormatInt(int64(x.MaxAge/time.Second), 10) + "; SameSite=Lax"
		if x.Secure {
			after += "; Secure"
		}
		s.Issues = append(s.Issues, Issue{
			Attribute: slices.Index(names, x.Attribute),
			Assign:    x.FirstRequest == FirstAssign,
			Cookie:    x.Cookie,
			Before:    "Set-Cookie: " + x.Cookie + "=",
			After:     after + "; HttpOnly\r\n",
			Key:       keys[x.KeyFile],
		})
	}
}

// signed gives the attributes with the keys that their cookies are signed by.
func (p *Plan) signed(keys map[string][]byte) []Attribute {
	attrs := slices.Clone(p.Attributes)
	for _, x := range p.Issued {
		if i := slices.IndexFunc(attrs, func(a Attribute) bool { return a.Name == x.Attribute }); i >= 0 {
			attrs[i].Signed = keys[x.KeyFile]
		}
	}
	return attrs
}

// readKeys reads the files of all keys that a plan names, by path.
func readKeys(p *Plan) (map[string][]byte, error) {
	keys := map[string][]byte{}
	read := func(where, path string) error {
		if path == "" || keys[path] != nil {
			return nil
		}
		key, err := readKey(path)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		keys[path] = key
		return nil
	}
	if err := read("assignments: override_key_file", p.Assignments.OverrideKeyFile); err != nil {
		return nil, err
	}
	for _, x := range p.Issued {
		if err := read("attributes: "+x.Attribute+": key_file", x.KeyFile); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// readKey gives what is in a key's file, the space round it trimmed.
func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyBytes+1))
	if err != nil {
		return nil, err
	}
	key := bytes.TrimSpace(text)
	switch {
	case len(text) > maxKeyBytes:
		return nil, fmt.Errorf("%s holds more than %d bytes; a key has one line of random text", path, maxKeyBytes)
	case len(key) == 0:
		return nil, fmt.Errorf("%s is empty; put a line of random text there, such as `openssl rand -hex 32` prints", path)
	}
	return key, nil
}
