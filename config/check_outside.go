package config

import (
	"fmt"
	"strings"
	"time"

	"graygate/match"
	"graygate/sources/geo"
)

// outside checks what the config takes from elsewhere: databases of addresses, audiences, keys.
func (c *checker) outside() {
	c.geo()
	first := map[[2]string]Pos{}
	for _, a := range c.f.Audiences.Value {
		if c.name(a.Name, "audience") {
			c.audience(a, first)
		}
	}
	c.keyFile(c.f.Assignments.Value.OverrideKeyFile, "override_key_file")
	if f := c.f.Assignments.Value.Cookie; f.Set && f.Value == "gray_version" {
		c.fail(f.At, problem{What: "the cookie gray_version is the client's", Why: "the attribute gray_version reads it", Fix: "choose another name"})
	}
	c.cookies()
}

// geo checks the databases of addresses.
func (c *checker) geo() {
	g := c.f.Geo.Value
	first := map[string]Pos{}
	var files []string
	for _, f := range g.Files.Value {
		if !once(c.source, first, c.absolute(f.Value), f.At, "file "+quoted(f.Value)) || !c.file(f, "the database") {
			continue
		}
		if _, err := geo.Open([]string{c.absolute(f.Value)}, ""); err != nil {
			c.fail(f.At, problem{What: quoted(f.Value) + " is not a database of addresses", Why: strings.TrimPrefix(err.Error(), c.absolute(f.Value)+": "), Fix: "name a file of the MMDB format"})
			continue
		}
		files = append(files, c.absolute(f.Value))
	}
	if len(files) > geo.MaxFiles {
		c.fail(g.Files.At, problem{What: fmt.Sprintf("more than %d databases", geo.MaxFiles), Fix: "name fewer"})
		return
	}
	if g.Language.Set && g.Language.Value != "en" && len(files) > 0 && len(files) == len(g.Files.Value) {
		if _, err := geo.Open(files, g.Language.Value); err != nil {
			c.fail(g.Language.At, problem{What: "language " + quoted(g.Language.Value) + " is not in the databases", Why: err.Error(), Fix: "choose another, or delete the key for en"})
		}
	}
}

func (c *checker) audience(a FileAudience, first map[[2]string]Pos) {
	fromFile, fromRedis := a.File.written(), a.Redis.written()
	switch {
	case fromFile && fromRedis:
		c.fail(a.Redis.At, problem{What: "an audience with both file and redis", Fix: "make two audiences of it: audience('a', userid) or audience('b', userid)"})
	case !fromFile && !fromRedis:
		c.fail(a.Name.At, problem{What: "audience " + quoted(a.Name.Value) + " has neither file nor redis", Fix: "add file: PATH, or redis: URL and key: NAME"})
	case fromRedis && !a.Key.written():
		c.fail(a.Redis.At, problem{What: "redis without key", Fix: "add key: NAME, the name of the set"})
	}
	if !fromRedis {
		for name, at := range map[string]Pos{"key": a.Key.at(), "refresh": a.Refresh.at()} {
			if at != (Pos{}) {
				c.fail(at, problem{What: name + " without redis", Why: "a file is read anew when it changes", Fix: "delete " + name})
			}
		}
	}
	if d := a.Refresh; d.Set && (d.Value < MinRefresh || d.Value > MaxTimeout) {
		c.fail(d.At, problem{What: "refresh is " + formatDuration(d.Value), Fix: fmt.Sprintf("give %s to %s", formatDuration(MinRefresh), formatDuration(MaxTimeout))})
	}
	c.inRange(a.MaxMembers, "max_members", 1, MaxMembers)
	c.file(a.File, "the audience")
}

// at is where the field stands if it was written.
func (f Field[T]) at() Pos {
	if f.written() {
		return f.At
	}
	return Pos{}
}

// issue checks a value that is given to requests without one.
func (c *checker) issue(a FileAttribute) {
	i := a.Issue.Value
	if !a.Issue.Set || !i.On {
		return
	}
	refuse := func(what, why, fix string) { c.fail(a.Issue.At, problem{What: what, Why: why, Fix: fix}) }
	from := values[match.Source](a.From.Value)
	constant := false
	for _, s := range from {
		constant = constant || s.Kind == match.FromConst
	}
	switch {
	case a.From.Bad:
	case cookieOf(from) == "":
		refuse("issue without a cookie source", "the value comes back in a cookie", "add a cookie to from, such as cookie gray_id")
	case constant || a.Default.written():
		refuse("issue with a value that is never missing", "a value is issued to requests that have none", "delete the default or the const source, or issue")
	}
	switch {
	case a.Type.Set && a.Type.Value != match.String:
		refuse("issue with type "+a.Type.Value.String(), "what is issued is a text", "delete type or issue")
	case a.Capture.written():
		refuse("issue with capture", "what is issued is the whole value", "delete capture or issue")
	}
	if d := i.MaxAge; d.Set && (d.Value < MinCookieAge || d.Value > MaxCookieAge || d.Value%time.Second != 0) {
		c.fail(d.At, problem{
			What: "max_age is " + formatDuration(d.Value), Why: "browsers cut it to 400 days, and count whole seconds",
			Fix: fmt.Sprintf("give %s to %s", formatDuration(MinCookieAge), formatDuration(MaxCookieAge)),
		})
	}
	c.keyFile(i.KeyFile, "key_file")
}

// cookies refuses two things in one cookie.
func (c *checker) cookies() {
	first := map[string]Pos{}
	if f := c.f.Assignments.Value.Cookie; f.Set && f.Value != "" {
		first[f.Value] = f.At
	}
	for _, a := range c.f.Attributes.Value {
		name := cookieOf(values[match.Source](a.From.Value))
		if !a.Issue.Value.On || name == "" {
			continue
		}
		if before, taken := first[name]; taken {
			c.fail(a.Issue.At, problem{What: "the cookie " + name + " is written for two things", Why: fmt.Sprintf("the other is in line %d", before.Line), Fix: "read the attribute from a cookie of its own"})
		}
		first[name] = a.Issue.At
	}
}
