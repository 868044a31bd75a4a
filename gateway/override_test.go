package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// A tester forces variants by a signed header; what is not signed, or has expired, changes nothing. No upstream ever gets it.
func TestOverride(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("  "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := func(secret, what string, expires time.Time) string {
		text := fmt.Sprintf("%s; expires=%d", what, expires.Unix())
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(text))
		return "X-Experiment-Override: " + text + "; sig=" + hex.EncodeToString(mac.Sum(nil))
	}
	b := newLab(t)
	const experiments = `
  color: {layer: one, slots: [0-9999], state: active, variants: {red: 1, green: 0}}
  font: {layer: two, slots: [0-9999], state: created, variants: {serif: {weight: 1, to: blue}, sans: 0}}
`
	p := testkit.Gateway(t, b.config("assignments: {override_key_file: "+key+"}\n", experiments))
	c := testkit.Dial(t, p.Addr)
	row := func(line string, want answered, taken, refused uint64) {
		t.Helper()
		before := p.Counters()
		fields := []string{"X-User-Id: u1"}
		if line != "" {
			fields = append(fields, line)
		}
		if got := (answered{}).of(t, c.Do(testkit.Get("/", fields...)), "X-Experiment-Override"); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", line, got, want)
		}
		testkit.Until(t, "the override to be counted", func() bool {
			now := p.Counters()
			return now.Requests == before.Requests+1 && now.Overrides == before.Overrides+taken && now.OverridesRefused == before.OverridesRefused+refused
		})
	}
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	plain := answered{"stable", "color=red", "", ";"}
	row("", plain, 0, 0)
	row(sign(secret, "color=green", later), answered{"stable", "color=green", "", ";"}, 1, 0)
	row(sign(secret, "font=serif", later), answered{"blue", "color=red, font=serif", "font=serif", ";"}, 1, 0)
	row(sign(secret, "color=green, font=sans", later), answered{"stable", "color=green, font=sans", "", ";"}, 1, 0)
	row(sign(secret, "color=green", past), plain, 0, 1)
	row(sign("another secret of some length", "color=green", later), plain, 0, 1)
	good := sign(secret, "color=green", later)
	row(good[:len(good)-1], plain, 0, 1)
	row("X-Experiment-Override: color=green", plain, 0, 1)
	row("X-Experiment-Override:", plain, 0, 0)

	// Without a key nobody is believed.
	p.MustReload(b.config("", experiments))
	row(good, plain, 0, 0)
}
