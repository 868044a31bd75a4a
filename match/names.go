package match

// nameTable finds a wanted name among a request's many: header fields, cookies or query parameters. Most names of a
// request are not wanted, so the common answer, "no", comes after a look at the length, or at length, first and last byte. The names are
// the config's, the chains therefore short whatever a client sends. It is immutable once its schema is made.
type nameTable struct {
	fold    bool   // compare ASCII letters without case; names are then in lower case
	lens    uint64 // lenBit of every name
	heads   [64]uint16
	entries []nameEntry
}

// nameEntry is one wanted name. next is the position + 1 in entries of the next one in the chain, 0 at its end.
type nameEntry struct {
	name   string
	source uint16
	next   uint16
}

// add makes name findable as source. The caller has seen to it that the name is not empty and not there yet.
func (t *nameTable) add(name string, source uint16) {
	t.lens |= lenBit(len(name))
	head := &t.heads[nameHash([]byte(name))]
	t.entries = append(t.entries, nameEntry{name: name, source: source, next: *head})
	*head = uint16(len(t.entries))
}

// find gives the source of a name, or -1.
func (t *nameTable) find(name []byte) int {
	if t.lens&lenBit(len(name)) == 0 || len(name) == 0 { // lenBit(64) is that of 0 too
		return -1
	}
	for i := t.heads[nameHash(name)]; i != 0; {
		e := &t.entries[i-1]
		if len(e.name) == len(name) {
			if t.fold && equalFold(name, e.name) || !t.fold && string(name) == e.name {
				return int(e.source)
			}
		}
		i = e.next
	}
	return -1
}

func (t *nameTable) empty() bool { return len(t.entries) == 0 }

// lenBit gives each length a bit, from 64 on shared with a shorter one.
func lenBit(n int) uint64 { return 1 << (uint(n) & 63) }

// nameHash ignores the case bit, so that one table layout serves names with and without case.
func nameHash(name []byte) uint32 {
	first, last := uint32(name[0]|0x20), uint32(name[len(name)-1]|0x20)
	return (uint32(len(name))*7 + first*3 + last*13) & 63
}

// equalFold tells whether b is lower when the case of ASCII letters does not count. lower has no upper-case letter.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
