package config

// FieldNames is a set of names of header fields that a client has no say in: those that variants set. The usual
// answer, "no", costs a few nanoseconds. It is immutable once its snapshot is built; the zero value is empty.
type FieldNames struct {
	lengths uint64 // a bit for each length, those from 64 on shared with shorter ones
	firsts  uint64 // a bit for each first byte, by its low six bits
	names   map[string]struct{}
}

// longestOwned bounds the names that are looked up: no longer one can be set.
const longestOwned = 256

// Has tells whether a name is in the set. The case of letters does not count, nor which sign stands between them: CGI and
// its like make the same variable of X-Search and X_Search. It allocates nothing.
func (n *FieldNames) Has(name []byte) bool {
	if len(name) == 0 || n.lengths>>(uint(len(name))&63)&1 == 0 || n.firsts>>(plainByte(name[0])&63)&1 == 0 || len(name) > longestOwned {
		return false
	}
	var buf [longestOwned]byte
	for i, c := range name {
		buf[i] = plainByte(c)
	}
	_, ok := n.names[string(buf[:len(name)])]
	return ok
}

// Empty tells whether there is no name in the set.
func (n *FieldNames) Empty() bool { return n.names == nil }

func (n *FieldNames) add(name string) {
	plain := make([]byte, len(name))
	for i := range plain {
		plain[i] = plainByte(name[i])
	}
	if n.names == nil {
		n.names = map[string]struct{}{}
	}
	n.names[string(plain)] = struct{}{}
	n.lengths |= 1 << (uint(len(name)) & 63)
	n.firsts |= 1 << (plain[0] & 63)
}

// plainByte folds letters to lower case, and all that is neither letter nor digit to '-'.
func plainByte(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	}
	return '-'
}
