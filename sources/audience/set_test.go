package audience

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// build makes a set of members.
func build(t testing.TB, approximate bool, members ...string) *Set {
	t.Helper()
	b := NewBuilder(DefaultMaxMembers, approximate)
	for _, m := range members {
		if err := b.Add([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecords(t *testing.T) {
	row := func(member string, code, length int) {
		t.Helper()
		t.Run(fmt.Sprintf("%.20q,%d", member, len(member)), func(t *testing.T) {
			var buf record
			rec := new(endings).encode(buf[:], []byte(member))
			if int(rec[0]) != code || len(rec) != length || recordLen(rec) != length {
				t.Errorf("member %q: record %x, length by its code %d\nwant code %d, length %d", member, rec, recordLen(rec), code, length)
			}
			var back [MaxMemberBytes]byte
			if got := string(new(endings).decode(&back, rec)); got != member {
				t.Errorf("record %x\n got %q\nwant %q", rec, got, member)
			}
		})
	}
	row("0", codeInt, 2)
	row("255", codeInt, 2)
	row("256", codeInt+1, 3)
	row("16777216", codeInt+3, 5)
	row("18446744073709551615", codeInt+7, 9)
	row("18446744073709551616", codeHex+8, 11)
	row("99999999999999999999", codeHex+8, 11)
	row("184467440737095516160", codeText+18, 15)
	row("00", codePlain+1, 3)
	row("007", codeText, 3)
	row("0042", codeHex, 3)
	row("+1", codePlain+1, 3)
	row("123e4567-e89b-12d3-a456-426614174000", codeLower, 17)
	row("123E4567-E89B-12D3-A456-426614174000", codeUpper, 17)
	row("00000000-0000-0000-0000-000000000000", codeLower, 17)
	row("123E4567-e89b-12d3-a456-426614174000", codePlain+35, 37)
	row("123g4567-e89b-12d3-a456-426614174000", codeText+33, 25)
	row("123e4567-e89b-12d3-a456_426614174000", codeText+33, 25)
	row("deadbeef", codeHex+2, 5)
	row("deadbee", codeText+4, 7)
	row(strings.Repeat("f", 64), codeHex+30, 33)
	row(strings.Repeat("f", 66), codePlain+65, 67)
	row("eve@example.com", codeText+12, 11)
	row("a_b-c.d9@e", codeText+7, 9)
	row(strings.Repeat("z", 64), codeText+61, 45)
	row("ab", codePlain+1, 3)
	row("Eve", codePlain+2, 4)
	row("\x00", codePlain, 2)
	row(strings.Repeat("X", 150), codePlain+149, 151)
	row(strings.Repeat("X", 151), codeLong, 153)
	row(strings.Repeat("X", 256), codeLong, 258)
}

func TestEndings(t *testing.T) {
	e := new(endings)
	for _, m := range []string{"eve@example.com", "adam@example.com", "eve@b.c", "@abc", "no@Upper.com", "short@ab", "none", "a@b@web.de", strings.Repeat("l", 60) + "@long", ""} {
		e.learn([]byte(m))
	}
	if want := []string{"@example.com", "@b.c", "@abc", "@web.de"}; !slices.Equal(e.texts, want) {
		t.Errorf("learned %q\nwant %q", e.texts, want)
	}
	row := func(member string, code, length int) {
		t.Helper()
		var buf record
		var back [MaxMemberBytes]byte
		rec := e.encode(buf[:], []byte(member))
		if got := string(e.decode(&back, rec)); int(rec[0]) != code || len(rec) != length || recordLen(rec) != length || got != member {
			t.Errorf("member %q: record %x, length by its code %d, back %q\nwant code %d, length %d", member, rec, recordLen(rec), got, code, length)
		}
	}
	row("eve@example.com", codeText+3, 5)
	row("anna@example.com", codeText+4, 7)
	row("@example.com", codeText, 3)
	row("x@@b.c", codeText+2, 5)
	row("eve@example.org", codeText+12, 11)
	row("Eve@example.com", codePlain+14, 16)
	for i := range 2 * maxEndings {
		e.learn([]byte("@host" + strconv.Itoa(i)))
	}
	if len(e.texts) != maxEndings {
		t.Errorf("%d endings, want %d", len(e.texts), maxEndings)
	}
	row("a@host1000", codeText+1, 5)
	row("a@host2000", codeText+7, 9)
}

// drawMember draws members of all lengths and of every kind that is packed.
var drawMember = rapid.Custom(func(t *rapid.T) string {
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 6:
		return rapid.StringMatching(`[a-z@]{0,8}@(a\.b|[a-z]{1,3}|example\.com|Mail\.ru|[a-z@.-]{55,60})`).Draw(t, "e-mail")
	case 0:
		return strconv.FormatUint(rapid.Uint64().Draw(t, "number")>>rapid.IntRange(0, 63).Draw(t, "shift"), 10)
	case 1:
		return rapid.StringMatching(`[0-9]{1,24}`).Draw(t, "digits")
	case 2:
		return rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}`).Draw(t, "uuid")
	case 3:
		return rapid.StringMatching(`[a-z0-9@._-]{1,70}`).Draw(t, "text")
	case 4:
		return hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "hex"))
	case 5:
		return strings.Repeat(rapid.StringN(1, 1, 1).Draw(t, "one"), rapid.IntRange(1, MaxMemberBytes).Draw(t, "times"))
	}
	return string(rapid.SliceOfN(rapid.Byte(), 1, MaxMemberBytes).Draw(t, "bytes"))
})

func TestRecordsAreReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		member := drawMember.Draw(t, "member")
		e := new(endings)
		for _, m := range rapid.SliceOfN(drawMember, 0, 3).Draw(t, "learned") {
			e.learn([]byte(m))
		}
		if rapid.Bool().Draw(t, "own learned") {
			e.learn([]byte(member))
		}
		var buf record
		rec := e.encode(buf[:], []byte(member))
		var back [MaxMemberBytes]byte
		if got := string(e.decode(&back, rec)); got != member || recordLen(rec) != len(rec) || rec[0] == codeEnd {
			t.Fatalf("record %x\n got %q\nwant %q", rec, got, member)
		}
		if len(rec) > len(member)+2 {
			t.Fatalf("member %q of %d bytes takes %d", member, len(member), len(rec))
		}
	})
}

// An exact set answers as a map does, for what is in it, for prefixes and neighbours of that, and for anything else.
func TestSetIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfN(drawMember, 0, 60).Draw(t, "members")
		for _, m := range members { // some twice
			if len(m)%3 == 0 {
				members = append(members, m)
			}
		}
		others := rapid.SliceOfN(drawMember, 0, 20).Draw(t, "others")
		for _, m := range members {
			changed := []byte(m)
			changed[len(m)/2] ^= 1
			others = append(others, m[:len(m)-1], m+"0", m+"\x00", "0"+m, strings.ToUpper(m), string(changed))
		}
		want := map[string]bool{}
		b, approximate := NewBuilder(len(members)+1, false), NewBuilder(len(members)+1, true)
		for _, m := range members {
			want[m] = true
			if err := errors.Join(b.Add([]byte(m)), approximate.Add([]byte(m))); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(t, "tidy") == 0 {
				if err := b.tidy(); err != nil {
					t.Fatal(err)
				}
			}
		}
		exact, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		loose, err := approximate.Build()
		if err != nil {
			t.Fatal(err)
		}
		if exact.Len() != len(want) || loose.Len() != len(want) {
			t.Fatalf("members: exact %d, approximate %d, want %d", exact.Len(), loose.Len(), len(want))
		}
		for _, m := range append(others, members...) {
			if got := exact.Contains([]byte(m)); got != want[m] {
				t.Fatalf("%q: got %v want %v", m, got, want[m])
			}
			if want[m] && !loose.Contains([]byte(m)) {
				t.Fatalf("%q is lost in the approximate set", m)
			}
		}
	})
}

// Members of all lengths, enough of them that shards have several chunks and buckets at their ends.
func TestSetOfManyChunks(t *testing.T) {
	const n = 200_000
	member := func(i int) string {
		tail := strconv.Itoa(i) + "!"
		return strings.Repeat("m", max(0, i%MaxMemberBytes+1-len(tail))) + tail
	}
	b := NewBuilder(n, false)
	for i := range n {
		for range 1 + i%2 {
			if err := b.Add([]byte(member(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != n {
		t.Errorf("members: got %d want %d", s.Len(), n)
	}
	for i := range n {
		if !s.Contains([]byte(member(i))) || s.Contains([]byte(member(i)+"?")) {
			t.Fatalf("member %q: got %v, and %v with one byte more", member(i), s.Contains([]byte(member(i))), s.Contains([]byte(member(i)+"?")))
		}
	}
	if len(s.data) < 3*chunkBytes*shards {
		t.Errorf("the tables of a shard have only %d bytes: the test tries nothing", len(s.data)/shards)
	}
}

// Members that find no place, because others have the same hash, are found nevertheless, and no others, and are counted once.
func TestStrays(t *testing.T) {
	const n = 1000
	b := NewBuilder(n, false)
	var want []string
	for i := range n {
		member := "member" + strconv.Itoa(i)
		var buf record
		rec := b.endings.encode(buf[:], []byte(member))
		for range 2 {
			if !b.spools[0].append(rec, b.classes.numberOf(rec)) {
				t.Fatal("no room")
			}
			b.records++
		}
		want = append(want, member)
	}
	same := func(rec []byte) uint64 { return uint64(rec[len(rec)-1] % 2) }
	b.hash = same
	set, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != n || len(set.strays) < n-100 {
		t.Errorf("%d members, %d strays of %d", set.Len(), len(set.strays), n)
	}
	for i, m := range want {
		var buf record
		rec := b.endings.encode(buf[:], []byte(m))
		if !set.find(same(rec), []byte(m)) || set.find(same(rec), []byte("member"+strconv.Itoa(n+i))) {
			t.Fatalf("%q is lost, or another one is found", m)
		}
	}
}

func TestLimits(t *testing.T) {
	b := NewBuilder(2, false)
	for range 3 * b.slack() { // far above the limit, but there are only two of them
		for _, m := range []string{"a", "b", ""} {
			if err := b.Add([]byte(m)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Add([]byte(strings.Repeat("x", 257))); err == nil || err.Error() != "a member of 257 bytes, and units have at most 256; take it out" {
		t.Errorf("a long member: got %v", err)
	}
	s, err := b.Build()
	if err != nil || s.Len() != 2 {
		t.Fatalf("got %v, %v; want two members", s, err)
	}
	const refused = "more than 2 members; raise max_members, and mind the memory, or make the audience smaller"
	b = NewBuilder(2, true)
	for _, m := range []string{"a", "b", "c"} {
		if err := b.Add([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Build(); err == nil || err.Error() != refused {
		t.Errorf("three members: got %v\nwant %s", err, refused)
	}
	b = NewBuilder(2, false)
	for i := 0; ; i++ {
		if err := b.Add([]byte(strconv.Itoa(i))); err != nil {
			if err.Error() != refused {
				t.Errorf("many members: got %v\nwant %s", err, refused)
			}
			break
		}
		if i > 2*b.slack() {
			t.Fatal("members above the limit are taken without end")
		}
	}
}

func TestEmptySet(t *testing.T) {
	for _, approximate := range []bool{false, true} {
		s := build(t, approximate)
		if s.Len() != 0 || s.Contains(nil) || s.Contains([]byte("a")) || s.Approximate() != approximate {
			t.Errorf("approximate %v: %d members, has nil %v, a %v", approximate, s.Len(), s.Contains(nil), s.Contains([]byte("a")))
		}
	}
}

func TestContainsDoesNotAllocate(t *testing.T) {
	for _, approximate := range []bool{false, true} {
		long := strings.Repeat("l", 200)
		s := build(t, approximate, "1", "eve@example.com", "123e4567-e89b-12d3-a456-426614174000", long)
		for _, m := range []string{"1", "2", "eve@example.com", "123e4567-e89b-12d3-a456-426614174000", long, long + "l", strings.Repeat("x", 1000)} {
			member := []byte(m)
			if n := testing.AllocsPerRun(100, func() { s.Contains(member) }); n != 0 {
				t.Errorf("approximate %v, %.20q: %v allocations", approximate, m, n)
			}
		}
	}
}
