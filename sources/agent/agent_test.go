package agent

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"graygate/internal/testkit/race"
	"graygate/match"
)

// show prints an agent, or that there is none.
func show(a *match.Agent) string {
	if a == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s|%s %s|%s", a.OS, a.OSVersion, a.Browser, a.BrowserVersion, a.Device)
}

const (
	webKit  = "AppleWebKit/605.1.15 (KHTML, like Gecko) "
	chrome  = "AppleWebKit/537.36 (KHTML, like Gecko) "
	iPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) " + webKit
	frozen  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) " + webKit
	iPad    = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) " + webKit
	mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome
	reduced = "Mozilla/5.0 (Linux; Android 10; K) " + chrome
)

func TestRead(t *testing.T) {
	r := New()
	check := func(text, want string) {
		t.Helper()
		for _, how := range []string{"at first", "cached"} {
			if got := show(r.Read([]byte(text))); got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", text, how, got, want)
			}
			r.cache.Wait()
		}
	}
	// iOS
	check(iPhone+"Version/17.2 Mobile/15E148 Safari/604.1", "ios 17.2.1|safari 17.2|mobile")
	check(iPhone+"CriOS/120.0.6099.50 Mobile/15E148 Safari/604.1", "ios 17.2.1|chrome 120.0.6099.50|mobile")
	check(iPhone+"FxiOS/121.0 Mobile/15E148 Safari/605.1.15", "ios 17.2.1|firefox 121.0|mobile")
	check(iPhone+"Version/17.0 EdgiOS/120.0.2210.116 Mobile/15E148 Safari/604.1", "ios 17.2.1|edge 120.0.2210.116|mobile")
	check(iPhone+"Mobile/15E148", "ios 17.2.1| |mobile") // an app's web view
	check(iPad+"Version/16.6 Mobile/15E148 Safari/604.1", "ios 16.6|safari 16.6|tablet")
	check(frozen+"Version/26.2 Mobile/15E148 Safari/604.1", "ios 26.2|safari 26.2|mobile")
	check(frozen+"Version/18.7.2 Mobile/15E148 Safari/604.1", "ios 18.7|safari 18.7.2|mobile")
	check(frozen+"Mobile/15E148 [FBAN/FBIOS;FBAV/540.0.0.30.80;FBDV/iPhone17,1;FBSN/iOS;FBSV/26.0.1]", "ios 26.0.1|facebook 540.0.0.30.80|mobile")
	// Android
	check(reduced+"Chrome/120.0.0.0 Mobile Safari/537.36", "android 10|chrome 120.0.0.0|mobile")
	check(reduced+"Chrome/120.0.0.0 Safari/537.36", "android 10|chrome 120.0.0.0|tablet")
	check("Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0", "android 14|firefox 121.0|mobile")
	check("Mozilla/5.0 (Android 14; Tablet; rv:121.0) Gecko/121.0 Firefox/121.0", "android 14|firefox 121.0|tablet")
	check("Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) "+chrome+"SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36", "android 13|samsung 23.0|mobile")
	check("Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-X906B) "+chrome+"SamsungBrowser/23.0 Chrome/115.0.0.0 Safari/537.36", "android 13|samsung 23.0|tablet")
	check("Mozilla/5.0 (Linux; Android 10; VOG-L29) "+chrome+"Chrome/120.0.6099.43 Mobile Safari/537.36 OPR/76.2.4027.73374", "android 10|opera 76.2.4027.73374|mobile")
	check("Mozilla/5.0 (Linux; Android 10; HD1913) "+chrome+"Chrome/120.0.6099.43 Mobile Safari/537.36 EdgA/120.0.2210.61", "android 10|edge 120.0.2210.61|mobile")
	check("Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A.230805.001; wv) "+chrome+"Version/4.0 Chrome/120.0.6099.144 Mobile Safari/537.36",
		"android 13|chrome 120.0.6099.144|mobile")
	check("Mozilla/5.0 (Linux; Android 13; SM-G991B Build/TP1A.220624.014; wv) "+chrome+
		"Version/4.0 Chrome/119.0.6045.193 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/443.0.0.23.229;]", "android 13|facebook 443.0.0.23.229|mobile")
	check("Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16", "android |opera 36.2.2254|mobile")
	// desktops
	check(windows+"Chrome/120.0.6099.71 Safari/537.36", "windows 10.0|chrome 120.0.6099.71|desktop")
	check(windows+"Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.61", "windows 10.0|edge 120.0.2210.61|desktop")
	check(mac+webKit+"Version/17.2 Safari/605.1.15", "macos 10.15.7|safari 17.2|desktop")
	check(mac+chrome+"Chrome/119.0.0.0 Safari/537.36 OPR/105.0.0.0", "macos 10.15.7|opera 105.0.0.0|desktop")
	check("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", "linux |firefox 121.0|desktop")
	check("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) "+chrome+"Chrome/120.0.0.0 Safari/537.36", "chromeos 14541.0.0|chrome 120.0.0.0|desktop")
	check("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)", "windows 6.2|ie 10.0|desktop")
	// bots
	check("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", " | |bot")
	check("Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) "+chrome+
		"Chrome/120.0.6099.71 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "android 6.0.1| |bot")
	check("Mozilla/5.0 "+chrome+"HeadlessChrome/120.0.0.0 Safari/537.36", " |chrome 120.0.0.0|bot")
	check(mac+webKit+"Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)", " | |bot")
	check("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", " | |bot")
	// apps and tools
	check("MyApp/3.2.1 (iOS 17.2; iPhone15,2)", "ios 17.2| |mobile")
	check("MyApp/3.2.1 (iPadOS 17.2; iPad13,8)", "ios 17.2| |tablet")
	check("MyApp/3.2.1 (com.example.app; build:42; iOS 17.2.0) Alamofire/5.8.1", "ios 17.2.0| |mobile")
	check("MyApp/3.2.1 (Android 14; Pixel 8)", "android 14| |mobile")
	check("MyApp/3.2.1 (Mac; macOS/14.2)", "macos 14.2| |desktop")
	check("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230805.001)", "android 13| |mobile")
	check("BiosTool/1.0 (visionOSX 1)", "none")
	for _, none := range []string{"", "-", "curl/8.5.0", "okhttp/4.12.0", "Go-http-client/1.1", "MyApp/42 CFNetwork/1474 Darwin/23.0.0", "\x00\xff;;;((((", "aaa bbb", "iOSx 17"} {
		check(none, "none")
	}
}

func TestVersion(t *testing.T) {
	check := func(text, want string) {
		t.Helper()
		if got := version(text); got != want {
			t.Errorf("%q begins with version %q, want %q", text, got, want)
		}
	}
	check("", "")
	check("17", "17")
	check("17_2_1 like", "17.2.1")
	check("17.", "17")
	check("17..2", "17")
	check(".17", "")
	check("x86_64", "")
	check("120.0.6099.71;", "120.0.6099.71")
	check("10-rc1", "10")
}

func TestLongFields(t *testing.T) {
	r := New()
	check := func(what, text, want string) {
		t.Helper()
		if got := show(r.Read([]byte(text))); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	field := "MyApp/1.0 (iOS 17.2)" // four marks
	check("the longest", field+strings.Repeat(" ", MaxBytes-len(field)), "ios 17.2| |mobile")
	check("one byte more", field+strings.Repeat(" ", MaxBytes-len(field)+1), "none")
	check("the most marks", field+strings.Repeat(";", MaxMarks-3), "ios 17.2| |mobile")
	check("one mark more", field+strings.Repeat(";", MaxMarks-2), "none")
}

func TestHitsAllocateNothing(t *testing.T) {
	if race.On {
		t.Skip("the race detector makes a sync.Pool forget")
	}
	r := New()
	check := func(text string, known bool) {
		t.Helper()
		field := []byte(text)
		r.Read(field)
		r.cache.Wait()
		first := r.Read(field)
		if n := testing.AllocsPerRun(1000, func() {
			if a := r.Read(field); a != first || (a != nil) != known {
				t.Errorf("%q: got %p, want %p", text, a, first)
			}
		}); n != 0 {
			t.Errorf("%q: a hit allocates %v times, want 0", text, n)
		}
	}
	check(iPhone+"Version/17.2 Mobile/15E148 Safari/604.1", true)
	check("curl/8.5.0", false) // read anew it would allocate
	check(strings.Repeat("a", MaxBytes+1), false)
}

// TestCollisions puts one field's entry in the place of another's: each still gets its own answer.
func TestCollisions(t *testing.T) {
	r := New()
	one, two := []byte("MyApp/1.0 (iOS 17.2)"), []byte("MyApp/1.0 (Android 14)")
	r.Read(one)
	r.cache.Wait()
	r.cache.Set(hashOf(r, two), r.cache.Get(hashOf(r, one)), 1)
	r.cache.Wait()
	if got := show(r.Read(two)); got != "android 14| |mobile" {
		t.Errorf("with the entry of %s in the place of %s: %s", one, two, got)
	}
}

// TestTextIsNotKept changes the bytes after a look-up, as the buffers of requests do.
func TestTextIsNotKept(t *testing.T) {
	r := New()
	field := []byte("MyApp/1.0 (iOS 17.2; iPhone15,2)")
	first := r.Read(field)
	r.cache.Wait()
	copy(field, strings.Repeat("x", len(field)))
	if got := show(first); got != "ios 17.2| |mobile" {
		t.Errorf("the agent changed with the buffer: %s", got)
	}
	if got := r.Read([]byte("MyApp/1.0 (iOS 17.2; iPhone15,2)")); got != first {
		t.Errorf("the cache lost the field with the buffer: %s", show(got))
	}
}

func TestConcurrentReads(t *testing.T) {
	r := New()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 2000 {
				n := (i*7 + g) % 100
				if got, want := show(r.Read(fmt.Appendf(nil, "MyApp/1.0 (iOS %d)", n))), fmt.Sprintf("ios %d| |mobile", n); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	all.Wait()
}

// FuzzRead reads any bytes: no panic, and nothing but known words and versions comes out.
func FuzzRead(f *testing.F) {
	for _, text := range []string{iPhone, iPad, mac + chrome, windows, reduced, frozen + "Version/26", "http://;;a;(;;", "Mozilla/5.0 (X11; CrOS )",
		"Android Android Android;", "OS OS OS iPhone", "[Instagram 1;XiaoMi/MiuiBrowser/", "CrOS x86_64", "https:// (", "Linux ", "FBAN/FBAV/"} {
		f.Add([]byte(text))
	}
	words := map[string]bool{"": true, "mobile": true, "tablet": true, "desktop": true, "bot": true}
	for _, all := range []map[string]string{systems, browsers} {
		for _, w := range all {
			words[w] = true
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > MaxBytes || marks(text) > MaxMarks {
			return
		}
		a := parse(string(text))
		if a == nil {
			return
		}
		if !words[a.OS] || !words[a.Browser] || !words[a.Device] || strings.Trim(a.OSVersion+a.BrowserVersion, "0123456789.") != "" {
			t.Fatalf("%q: %+v", text, a)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	field := []byte(iPhone + "Version/17.2 Mobile/15E148 Safari/604.1")
	b.Run("cached", func(b *testing.B) {
		r := New()
		r.Read(field)
		r.cache.Wait()
		b.ReportAllocs()
		for b.Loop() {
			r.Read(field)
		}
	})
	// The costliest of what is read at all, for the library's square.
	for name, text := range map[string]string{
		"usual": string(field), "hostile=marks": strings.Repeat("a;", MaxMarks) + strings.Repeat("b", MaxBytes-2*MaxMarks),
		"hostile=url": "http://" + strings.Repeat("aaaaaaaaaaaaaaa;", MaxMarks-3), "hostile=versions": strings.Repeat("OS;", MaxMarks-1) + "iPhone;",
	} {
		b.Run("anew/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parse(text)
			}
		})
	}
}
