package match

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// overrideSet has two layers: search_v2 and search_v3 in one, color in the other, with an archived one.
func overrideSet(t testing.TB) *ExperimentSet {
	t.Helper()
	v2, v3, color, old := running("search_v2"), running("search_v3"), running("color"), running("old.one")
	v3.Slots, v3.Active = nil, false
	color.Layer, old.Layer = 1, 1
	color.Variants = []Variant{{Name: "red", Weight: 1}, {Name: "dark-blue", Weight: 0}}
	old.Active, old.Forceable = false, false
	return mustExperiments(t, shopSchema(t), &Experiments{
		Layers:      []Layer{{Name: "search", By: "userid", Holdout: -1}, {Name: "look", By: "userid", Holdout: -1}},
		Experiments: []Experiment{v2, v3, color, old},
	})
}

// signed gives a text signed by hand.
func signed(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "; sig=" + hex.EncodeToString(mac.Sum(nil))
}

func TestSignOverride(t *testing.T) {
	// printf '%s' 'search_v2=B, color=red; expires=1796083200' | openssl dgst -sha256 -hmac secret
	const want = "search_v2=B, color=red; expires=1796083200; sig=ef2ef3e3815a33e735d348cb978ed33081b187caadbab8c5bc55ed8a425f8ea5"
	if got := SignOverride([]byte("secret"), "search_v2=B, color=red", time.Unix(1_796_083_200, 999_999_999)); got != want {
		t.Errorf("SignOverride = %q, want %q", got, want)
	}
}

func TestReadOverride(t *testing.T) {
	xs := overrideSet(t)
	expires := time.Unix(1_796_083_200, 0)
	reader := NewOverrideReader([]byte("secret"))
	before := []Assignment{{9, 9, false}}
	check := func(value string, now time.Time, want string, assigned ...Assignment) {
		t.Helper()
		for range 2 { // a reader is used again
			out, err := reader.Read(xs, []byte(value), now, before)
			if got := fmt.Sprint(err); got != want || !reflect.DeepEqual(out, append(before[:1:1], assigned...)) {
				t.Errorf("Read(%.120q) = %v, error\n got %s\nwant %s, %v", value, out, got, want, assigned)
			}
		}
	}
	sign := func(list string) string { return SignOverride([]byte("secret"), list, expires) }
	now := expires.Add(-time.Second)
	check(sign("search_v2=B, color=red"), now, "<nil>", Assignment{0, 1, true}, Assignment{2, 0, true})
	check(sign("color=dark-blue"), now, "<nil>", Assignment{2, 1, true})
	check(sign(" search_v3=A,color=red\t"), now, "<nil>", Assignment{1, 0, true}, Assignment{2, 0, true})

	form, wrong, expired := ErrOverrideForm.Error(), ErrOverrideSignature.Error(), ErrOverrideExpired.Error()
	check(sign("color=red"), expires.Add(-time.Nanosecond), "<nil>", Assignment{2, 0, true})
	check(sign("color=red"), expires, expired)
	check(sign("color=red"), expires.Add(time.Hour), expired)
	check(signed("secret", "color=red; expires=-1"), now, expired)
	check(signed("secret", "color=red; expires=9223372036854775807"), now, "<nil>", Assignment{2, 0, true})
	check(signed("secret", "color=red; expires=9223372036854775808"), now, form)
	check(signed("secret", "color=red; expires="), now, form)
	check(signed("secret", "color=red"), now, form)
	check(signed("secret", "color=red; expires=1796083200; expires=1"), now, expired) // the last one counts
	check(signed("other", "color=red; expires=1796083200"), now, wrong)
	check(strings.Replace(sign("color=red"), "red", "dark-blue", 1), now, wrong)
	check(strings.Replace(sign("color=red"), "1796083200", "1896083200", 1), now, wrong)
	check("", now, form)
	check("color=red", now, form)
	check("; sig=", now, wrong)
	check(strings.TrimSuffix(sign("color=red"), sign("color=red")[len(sign("color=red"))-2:]), now, wrong)
	check(sign("color=red")+"00", now, wrong)
	check(sign("color=red")[:len(sign("color=red"))-1]+"g", now, wrong)
	check(sign("color=red, "+strings.Repeat(" ", MaxOverrideBytes)), now, ErrOverrideLong.Error())
	for _, list := range []string{"", ",", "color", "color=red,", "color=red,,search_v2=A", "color=red; search_v2=A"} {
		want := form
		if strings.Contains(list, ";") {
			want = "experiment `color` has no variant \"red; search_v2=A\"; use one of red, dark-blue"
		}
		check(sign(list), now, want)
	}
	check(sign("colour=red"), now, "unknown experiment \"colour\"; did you mean `color`?")
	check(sign("checkout=red"), now, "unknown experiment \"checkout\"; use the name of an experiment of the request's tenant")
	check(sign("color=Red"), now, "experiment `color` has no variant \"Red\"; use one of red, dark-blue")
	check(sign("search_v2=A, old.one=A"), now, "experiment `old.one` is archived; leave it out")
	check(sign("search_v2=A, search_v3=A"), now, "experiment `search_v3` is in the same layer as one before it; name one of them")
	check(sign("search_v2=A, search_v2=A"), now, "experiment `search_v2` is in the same layer as one before it; name one of them")
	if _, err := reader.Read(xs, []byte(sign("color=red")), expires, nil); !errors.Is(err, ErrOverrideExpired) {
		t.Errorf("error = %v, want ErrOverrideExpired", err)
	}
}

func TestReadOverrideAllocatesNothing(t *testing.T) {
	xs := overrideSet(t)
	reader := NewOverrideReader([]byte("secret"))
	expires := time.Unix(1_796_083_200, 0)
	good := []byte(SignOverride([]byte("secret"), "search_v2=B, color=red", expires))
	bad := []byte(SignOverride([]byte("other"), "search_v2=B, color=red", expires))
	out := make([]Assignment, 0, 4)
	check := func(value []byte, now time.Time, want error) {
		t.Helper()
		if n := testing.AllocsPerRun(200, func() {
			var err error
			if out, err = reader.Read(xs, value, now, out[:0]); err != want {
				t.Fatalf("error = %v, want %v", err, want)
			}
		}); n != 0 {
			t.Errorf("reading %q allocates %v times, want 0", value, n)
		}
	}
	check(good, expires.Add(-1), nil)
	check(good, expires, ErrOverrideExpired)
	check(bad, expires.Add(-1), ErrOverrideSignature)
	check(good[:20], expires.Add(-1), ErrOverrideForm)
}

// FuzzReadOverride reads any text, as it came and signed.
func FuzzReadOverride(f *testing.F) {
	for _, seed := range []string{"", "color=red; expires=9", "search_v2=B, color=red; expires=1796083200", "; sig=; sig=", "color=red; expires=99999999999; sig=00"} {
		f.Add(seed)
	}
	xs := overrideSet(f)
	reader := NewOverrideReader([]byte("secret"))
	f.Fuzz(func(t *testing.T, text string) {
		if out, err := reader.Read(xs, []byte(text), time.Unix(1, 0), nil); err == nil || len(out) > 0 {
			t.Fatalf("Read(%q) = %v without a signature", text, out)
		}
		out, err := reader.Read(xs, []byte(signed("secret", text)), time.Unix(1, 0), nil)
		if (err == nil) != (len(out) > 0) {
			t.Fatalf("Read(%q) = %v, %v", text, out, err)
		}
		for _, a := range out {
			if !a.Forced || a.Experiment > 2 || a.Variant > 1 {
				t.Fatalf("Read(%q) = %v", text, out)
			}
		}
	})
}
