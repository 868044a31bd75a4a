package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"graygate/match"
	"graygate/sources/audience"
)

// absolute is the clean absolute path of a file that a config names: relative ones are taken from the config's folder.
func (s *source) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.folder, path)
}

// folderOf is the absolute folder of a config.
func folderOf(name string) string {
	folder := filepath.Dir(name)
	if abs, err := filepath.Abs(folder); err == nil {
		return abs
	}
	return folder // there is no working directory: then relative paths have no other meaning either
}

// file makes sure that a file is there and can be read. Only plain files are opened: a pipe or a device could block or
// never end. Reports whether it is fine.
func (c *checker) file(f Field[string], of string) bool {
	if !f.Set || f.Value == "" {
		return false
	}
	err := probeFile(c.absolute(f.Value))
	if err == nil {
		return true
	}
	c.badFile(f, of, err)
	return false
}

// badFile tells why a file will not do.
func (c *checker) badFile(f Field[string], of string, err error) {
	p := problem{What: fmt.Sprintf("%s %s cannot be read: %s", of, quoted(f.Value), reason(err)), Fix: "look at its owner and mode"}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.What = fmt.Sprintf("there is no file %s", quoted(f.Value))
		p.Fix = "look at the path"
		if !filepath.IsAbs(f.Value) {
			p.Why = "a relative path begins in the folder of the config"
		}
	case errors.Is(err, errNotPlain):
		p.Fix = "name a file"
	}
	c.fail(f.At, p)
}

var errNotPlain = errors.New("it is not a plain file")

func probeFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotPlain
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// reason is an error of the file system without the path, which the message has already.
func reason(err error) string {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// contents reads a small file.
func (c *checker) contents(f Field[string], of string, most int64) ([]byte, bool) {
	if !c.file(f, of) {
		return nil, false
	}
	text, err := readSmall(c.absolute(f.Value), most)
	if errors.Is(err, errTooLarge) {
		c.fail(f.At, problem{What: fmt.Sprintf("%s %s is larger than %s", of, quoted(f.Value), formatSize(most)), Fix: "is it the right file?"})
		return nil, false
	}
	if err != nil {
		c.badFile(f, of, err)
		return nil, false
	}
	return text, true
}

var errTooLarge = errors.New("it is too large")

// readSmall reads a plain file of at most so many bytes.
func readSmall(path string, most int64) ([]byte, error) {
	if err := probeFile(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, errTooLarge
	}
	return text, err
}

// keyFile makes sure that a file holds a key.
func (c *checker) keyFile(f Field[string], of string) {
	text, ok := c.contents(f, of, maxKeyBytes)
	if n := len(bytes.TrimSpace(text)); ok && n < MinKeyBytes {
		c.fail(f.At, problem{
			What: fmt.Sprintf("%s %s holds a key of %d bytes", of, quoted(f.Value), n),
			Why:  fmt.Sprintf("a key of less than %d bytes can be guessed; space round it does not count", MinKeyBytes),
			Fix:  "write a random one: openssl rand -hex 32 > " + f.Value,
		})
	}
}

// parseRedis checks the URL of a Redis server. Neither it nor what the library says about it is in the message: it may
// hold a password.
func parseRedis(s string) (string, *problem) {
	if audience.CheckRedisURL(s) == nil {
		return s, nil
	}
	p := &problem{What: "redis is not the URL of a Redis server", Fix: "write redis://HOST:6379/0, or rediss:// for TLS"}
	scheme, rest, found := strings.Cut(s, "://")
	switch {
	case found && scheme != "redis" && scheme != "rediss" && scheme != "unix" && isName(scheme):
		p.What = "redis is a URL of another kind, " + quoted(scheme)
	case strings.Contains(rest, "@"):
		p.Why = "signs such as / ? # @ and % in a user or a password are written as %XX"
	case strings.Contains(rest, "?"):
		p.Fix = "take out what begins with ?: no options are known"
	}
	return "", p
}

// password finds the password of a URL, credentials what checks and exports of spans send as such.
var (
	password    = regexp.MustCompile(`(://[^/\s:@]*:)(\S*)(@)`)
	credentials = regexp.MustCompile(`(?i)((?:authorization|api-?key|-token|secret|password)['"]?:\s*)([^\s,}][^,}]*)()`)
)

// mask hides the secrets in a line of a config that an error shows; what stands behind keeps its column.
func mask(line string) string {
	for _, secret := range []*regexp.Regexp{password, credentials} {
		line = secret.ReplaceAllStringFunc(line, func(found string) string {
			parts := secret.FindStringSubmatch(found)
			return parts[1] + strings.Repeat("*", len([]rune(parts[2]))) + parts[3]
		})
	}
	return line
}

// parseCookieName checks the name of a cookie (RFC 6265 section 4.1.1).
func parseCookieName(s string) (string, *problem) {
	if isToken(s) && len(s) <= MaxName {
		return s, nil
	}
	return "", &problem{What: quoted(s) + " cannot be the name of a cookie", Fix: fmt.Sprintf("use letters, digits, - and _, up to %d", MaxName)}
}

// cookieOf is the name of the first cookie that an attribute is read from, "" if there is none.
func cookieOf(from []match.Source) string {
	for _, s := range from {
		if s.Kind == match.FromCookie {
			return s.Name
		}
	}
	return ""
}
