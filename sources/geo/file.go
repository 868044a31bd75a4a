package geo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"graygate/match"
)

// file is one MMDB file, in memory.
type file struct {
	name string
	db   *maxminddb.Reader
}

func openFile(name string) (file, error) {
	fail := func(what, fix string) (file, error) { return file{}, fmt.Errorf("%s: %s; %s", name, what, fix) }
	text, err := readFile(name)
	var tooLarge *sizeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("there is no such file", "mend its name, or put it there")
	case errors.As(err, &tooLarge):
		return fail(tooLarge.Error(), "use a smaller edition of it")
	case err != nil:
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return fail("it cannot be read: "+err.Error(), "name a file that can")
	case len(text) == 0:
		return fail("it is empty", "fetch it again")
	}
	db, err := maxminddb.OpenBytes(text)
	if err != nil {
		return fail("it is no MMDB file, or one that was cut short: "+err.Error(), "fetch it again, unpacked")
	}
	return file{name: name, db: db}, nil
}

// sizeError is a file above MaxFileBytes.
type sizeError struct{ bytes int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("it has %d bytes, more than %d", e.bytes, int64(MaxFileBytes))
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Size() > MaxFileBytes {
		return nil, &sizeError{info.Size()}
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is a folder or a device")
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, fmt.Errorf("it changed while it was read: %w", err)
	}
	return text, nil
}

const english = "en"

// field is a field of a place and where the layouts have it, the best first.
type field struct {
	of    func(*match.Place) *string
	paths [][]any
	read  func(maxminddb.Result, []any) string
}

// fieldsIn gives the fields with names in a language. Each list has GeoIP2's layout first, then that of Enterprise, which
// puts what is known of the provider below "traits", then ipinfo's, which is flat.
func fieldsIn(language string) []field {
	names := func(at ...any) [][]any {
		all := [][]any{append(at[:len(at):len(at)], "names", language)}
		if language != english {
			all = append(all, append(at[:len(at):len(at)], "names", english))
		}
		return all
	}
	return []field{
		{func(p *match.Place) *string { return &p.Country }, [][]any{{"country", "iso_code"}, {"country_code"}, {"country"}}, country},
		// The largest subdivision is first. DB-IP's free file has no codes: there it is the name.
		{func(p *match.Place) *string { return &p.Province },
			append(append([][]any{{"subdivisions", 0, "iso_code"}}, names("subdivisions", 0)...), []any{"region_code"}, []any{"region"}), text},
		{func(p *match.Place) *string { return &p.City }, append(names("city"), []any{"city"}), text},
		{func(p *match.Place) *string { return &p.ISP }, [][]any{{"isp"}, {"traits", "isp"}, {"autonomous_system_organization"},
			{"traits", "autonomous_system_organization"}, {"as_name"}, {"name"}}, text},
		{func(p *match.Place) *string { return &p.ASN }, [][]any{{"autonomous_system_number"}, {"traits", "autonomous_system_number"}, {"asn"}}, number},
	}
}

// fill sets the fields of p that are still open and that the file knows. What is damaged counts as not known.
func (f *file) fill(p *match.Place, fields []field, ip netip.Addr) {
	found := f.db.Lookup(ip)
	if found.Err() != nil || !found.Found() {
		return // an IPv6 address in a file of IPv4 is an error, too
	}
	for i := range fields {
		to := fields[i].of(p)
		for _, path := range fields[i].paths {
			if *to != "" {
				break
			}
			*to = fields[i].read(found, path)
		}
	}
}

// text reads a text, "" if there is none at the path.
func text(found maxminddb.Result, path []any) (s string) {
	if found.DecodePath(&s, path...) != nil {
		return ""
	}
	return s
}

// country reads an ISO 3166-1 alpha-2 code: where one layout has it, another has the country's name.
func country(found maxminddb.Result, path []any) string {
	s := text(found, path)
	if len(s) != 2 || !isLetter(s[0]) || !isLetter(s[1]) {
		return ""
	}
	return strings.ToUpper(s)
}

// number reads the number of an autonomous system: 3320, or "AS3320".
func number(found maxminddb.Result, path []any) string {
	var n uint32
	if found.DecodePath(&n, path...) == nil && n > 0 {
		return strconv.FormatUint(uint64(n), 10)
	}
	s := text(found, path)
	if len(s) > 2 && strings.EqualFold(s[:2], "AS") {
		s = s[2:]
	}
	if n, err := strconv.ParseUint(s, 10, 32); err == nil && n > 0 {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
