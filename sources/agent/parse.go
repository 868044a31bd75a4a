package agent

import (
	"strings"

	"github.com/mileusna/useragent"

	"graygate/match"
)

// systems are the library's names of systems, and ours.
var systems = map[string]string{
	useragent.IOS: "ios", useragent.Android: "android", useragent.Windows: "windows", useragent.MacOS: "macos", useragent.Linux: "linux",
	useragent.ChromeOS: "chromeos", useragent.FreeBSD: "freebsd", useragent.Harmony: "harmonyos",
}

// browsers are the library's names of browsers, and ours; what is not here is none, such as curl, or an app.
var browsers = map[string]string{
	useragent.Chrome: "chrome", useragent.HeadlessChrome: "chrome", useragent.Safari: "safari", useragent.Firefox: "firefox",
	useragent.Edge: "edge", useragent.Opera: "opera", useragent.OperaMini: "opera", useragent.OperaTouch: "opera",
	useragent.SamsungBrowser: "samsung", useragent.InternetExplorer: "ie", useragent.Vivaldi: "vivaldi", "Android browser": "android",
	"Huawei Browser": "huawei", "Miui Browser": "miui", "YaBrowser": "yandex", "UCBrowser": "uc", "MicroMessenger": "wechat",
	useragent.FacebookApp: "facebook", useragent.InstagramApp: "instagram", useragent.TiktokApp: "tiktok",
}

// appSystems are how apps name the system in fields of their own, such as "MyApp/3.2.1 (iOS 17.2; iPhone15,2)", which the
// library does not know. The longer of two that begin alike stands first.
var appSystems = []struct{ word, system string }{
	{"iPhone OS", "ios"}, {"iPadOS", "ios"}, {"iOS", "ios"}, {"Android", "android"}, {"macOS", "macos"},
}

// parse reads a field, nil if it says nothing that is known.
func parse(text string) *match.Agent {
	ua := useragent.Parse(text)
	a := match.Agent{OS: systems[ua.OS], OSVersion: version(ua.OSVersion), Browser: browsers[ua.Name]}
	if a.Browser != "" {
		a.BrowserVersion = version(ua.Version)
	}
	switch {
	case ua.OS == "": // a system that the library left open; that of a bot, which it takes away, is lost with it
		a.OSVersion = ""
		if !ua.Bot {
			a.OS, a.OSVersion = appSystem(text)
		}
	case a.OS == "chromeos": // the library takes the processor for the version: CrOS x86_64 14541.0.0
		_, number, _ := strings.Cut(after(text, "CrOS "), " ")
		a.OSVersion = version(number)
	case a.OS == "ios":
		a.OSVersion = thawed(text, a.OSVersion)
	}
	if a.Browser == "facebook" {
		a.BrowserVersion = version(after(text, "FBAV/"))
	}
	a.Device = device(text, a.OS, ua)
	if a == (match.Agent{}) {
		return nil
	}
	return &a
}

// device gives the kind of a device; bots come first, whatever they pretend to be.
func device(text, system string, ua useragent.UserAgent) string {
	switch {
	case ua.Bot:
		return "bot"
	case ua.Tablet:
		return "tablet"
	case system == "android":
		// Browsers of Android say Mobile on telephones only. Apps do not say.
		if strings.HasPrefix(text, "Mozilla/") && !strings.Contains(text, "Mobile") {
			return "tablet"
		}
		return "mobile"
	case system == "ios":
		if strings.Contains(text, "iPad") {
			return "tablet"
		}
		return "mobile"
	case ua.Mobile:
		return "mobile"
	case ua.Desktop || system == "macos":
		return "desktop"
	}
	return ""
}

// appSystem finds the system in the field of an app: a word of [appSystems] of its own, then the version.
func appSystem(text string) (system, number string) {
	for _, s := range appSystems {
		i := strings.Index(text, s.word)
		if i < 0 || i > 0 && isWord(text[i-1]) {
			continue
		}
		rest := text[i+len(s.word):]
		if rest != "" && isWord(rest[0]) {
			continue
		}
		if rest != "" && (rest[0] == ' ' || rest[0] == '/') {
			number = version(rest[1:])
		}
		return s.system, number
	}
	return "", ""
}

// thawed mends the version of iOS: from 26 on, Safari says 18.6 or 18.7 for ever, and its own version is the system's. Apps
// of Facebook name the system's by themselves.
func thawed(text, frozen string) string {
	if !strings.HasPrefix(frozen, "18.") {
		return frozen
	}
	for _, mark := range []string{"FBSV/", "Version/"} {
		if v := version(after(text, mark)); len(v) >= 2 && isDigit(v[0]) && isDigit(v[1]) && v[:2] >= "26" && (len(v) == 2 || v[2] == '.') {
			return v
		}
	}
	return frozen
}

// version is the version that a text begins with: numbers parted by dots or, as Apple writes it, underscores.
func version(text string) string {
	end := 0
	for i := range len(text) {
		if isDigit(text[i]) {
			end = i + 1
		} else if i != end || i == 0 || text[i] != '.' && text[i] != '_' {
			break // not a number and not the one mark behind it
		}
	}
	return strings.ReplaceAll(text[:end], "_", ".")
}

// after gives what stands behind the first mark in a text, "" if it is not there.
func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }
