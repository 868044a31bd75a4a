package geo

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

type (
	dict = mmdbtype.Map
	list = mmdbtype.Slice
	str  = mmdbtype.String
	u32  = mmdbtype.Uint32
)

// record is what a file says of a network.
type record struct {
	network string
	data    dict
}

// mmdb makes a file of the given layout.
func mmdb(t testing.TB, kind string, ipVersion int, languages []string, records ...record) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: kind, Languages: languages, IPVersion: ipVersion, RecordSize: 24, IncludeReservedNetworks: true, BuildEpoch: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		_, network, err := net.ParseCIDR(r.network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(network, r.data); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// write puts a file into a folder of the test's.
func write(t testing.TB, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens files and closes them after the test.
func open(t testing.TB, language string, files ...string) *Reader {
	t.Helper()
	r, err := Open(files, language)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func names(pairs ...string) dict {
	m := dict{}
	for i := 0; i < len(pairs); i += 2 {
		m[str(pairs[i])] = str(pairs[i+1])
	}
	return dict{"names": m}
}

// city is a file in the layout of GeoIP2 City.
func city(t testing.TB) []byte {
	munich := dict{
		"city":    names("en", "Munich", "de", "München"),
		"country": dict{"iso_code": str("DE"), "names": dict{"en": str("Germany")}},
		"subdivisions": list{
			dict{"iso_code": str("BY"), "names": dict{"en": str("Bavaria")}},
			dict{"iso_code": str("M"), "names": dict{"en": str("Munich (county)")}},
		},
		"location": dict{"latitude": mmdbtype.Float64(48.1), "longitude": mmdbtype.Float64(11.5)},
	}
	return mmdb(t, "GeoLite2-City", 6, []string{"de", "en"},
		record{"192.0.2.0/24", munich},
		record{"2001:db8:1::/48", munich},
		record{"198.51.100.0/24", dict{"country": dict{"iso_code": str("FR")}, "city": names("en", "Nice")}},
		record{"203.0.113.0/24", dict{"registered_country": dict{"iso_code": str("US")}}},
	)
}

// asn is a file in the layout of GeoLite2 ASN, of IPv4 alone.
func asn(t testing.TB) []byte {
	return mmdb(t, "GeoLite2-ASN", 4, nil,
		record{"192.0.2.0/25", dict{"autonomous_system_number": u32(3320), "autonomous_system_organization": str("Deutsche Telekom AG")}},
		record{"198.51.100.0/24", dict{"autonomous_system_number": u32(3215)}},
	)
}
