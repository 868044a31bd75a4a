package house

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A session runs the console blocks of one document from top to bottom, as a new user would, in a fresh copy of the
// repository. The addresses on 127.0.0.1 that examples/quickstart.yaml names are changed to free ones on the way in
// and back on the way out, so that sessions run beside whatever else the machine does.
//
// In what a command should print, "..." stands for anything. A command's exit status must be 0 unless the next one
// asks for it by `echo $?`. The last command of a block marked "server" goes on running until the next server or the end.
type session struct {
	t      *testing.T
	dir    string
	out    *strings.Replacer // of what is run
	back   *strings.Replacer // of what was printed
	env    []string
	status int // of the last command
	server *server
}

// patience bounds one command, or how long a server may take to print what it should.
const patience = 60 * time.Second

// oneOfTwo makes the two stable backends one: which of them answers is up to the balancer.
var oneOfTwo = strings.NewReplacer("127.0.0.1:9102", "127.0.0.1:9101")

var (
	localAddress = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	asksStatus   = "echo $?"
)

func TestSessionsInDocumentsRun(t *testing.T) {
	count := 0
	for doc, found := range documents(t) {
		var mine []block
		for _, b := range found {
			if _, file := b.notes["file"]; file || b.lang == "console" {
				mine = append(mine, b)
			}
		}
		count += len(mine)
		if len(mine) == 0 {
			continue
		}
		t.Run(strings.ReplaceAll(doc, "/", "-"), func(t *testing.T) {
			s := newSession(t)
			for _, b := range mine {
				s.run(doc, b)
			}
		})
	}
	if count < 3 {
		t.Errorf("only %d session blocks found in the documents", count)
	}
}

func newSession(t *testing.T) *session {
	s := &session{t: t, dir: t.TempDir()}
	for _, f := range readTree(t) {
		name := filepath.Join(s.dir, f.path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, "go.sum", filepath.Join(s.dir, "go.sum")) // not among what readTree gives, and the build needs it
	quickstart := filepath.Join(s.dir, "examples/quickstart.yaml")
	text, err := os.ReadFile(quickstart)
	if err != nil {
		t.Fatal(err)
	}
	s.out, s.back = freeAddresses(t, string(text))
	if err := os.WriteFile(quickstart, []byte(s.out.Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Log("no curl on this machine: the stand-in of internal/house is used")
		myself, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(myself, filepath.Join(tools, "curl")); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), "PATH="+filepath.Join(s.dir, "bin")+":"+tools+":"+os.Getenv("PATH"), "MAKEFLAGS=", "MAKELEVEL=", "LC_ALL=C")
	copyFile(t, binary(t), filepath.Join(s.dir, "bin/graygate"))
	t.Cleanup(func() { s.stopServer() })
	return s
}

// freeAddresses maps the loopback addresses of a config to free ones, and back.
func freeAddresses(t *testing.T, text string) (out, back *strings.Replacer) {
	var there, here []string
	named := localAddress.FindAllString(text, -1)
	slices.Sort(named)
	for _, address := range slices.Compact(named) {
		// Held until all are chosen, or one would be chosen twice.
		held, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		there = append(there, address, held.Addr().String())
		here = append(here, held.Addr().String(), address)
	}
	return strings.NewReplacer(there...), strings.NewReplacer(here...)
}

// run does what one block says.
func (s *session) run(doc string, b block) {
	s.t.Helper()
	if name, is := b.notes["file"]; is {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(s.out.Replace(b.text)), 0o644); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	steps, err := parseSteps(b.text)
	if err != nil {
		s.t.Fatalf("%s:%d: %v", doc, b.line, err)
	}
	for i, step := range steps {
		where := fmt.Sprintf("%s, block of line %d\n$ %s", doc, b.line, step.command)
		if _, is := b.notes["server"]; is && i == len(steps)-1 {
			s.start(where, step)
			return
		}
		s.try(where, step)
		if s.status != 0 && (i == len(steps)-1 || steps[i+1].command != asksStatus) {
			s.t.Errorf("%s\nended with status %d", where, s.status)
		}
	}
}

func (s *session) command(text string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", fmt.Sprintf("(exit %d)\n%s", s.status, s.out.Replace(text)))
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all it started can be ended with it
	return cmd
}

// try runs a command to its end and compares what it printed.
func (s *session) try(where string, step step) {
	s.t.Helper()
	cmd := s.command(step.command)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !late.Stop() {
		s.t.Fatalf("%s\ndid not end within %s; it printed:\n%s", where, patience, printed.String())
	}
	s.status = 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		s.status = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if got := s.back.Replace(printed.String()); !matches(step.want, got) {
		s.t.Errorf("%s\nprinted\n%s\nand the document says\n%s", where, got, step.want)
	}
}

// server is a command that runs beside the others.
type server struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu      sync.Mutex
	printed bytes.Buffer
	more    chan struct{} // a token whenever something was printed
}

func (v *server) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	select {
	case v.more <- struct{}{}:
	default:
	}
	return v.printed.Write(p)
}

func (v *server) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.printed.String()
}

// start begins a server and waits until it printed what it should.
func (s *session) start(where string, step step) {
	s.t.Helper()
	s.stopServer()
	v := &server{cmd: s.command(step.command), done: make(chan struct{}), more: make(chan struct{}, 1)}
	v.cmd.Stdout, v.cmd.Stderr = v, v
	if err := v.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = v.cmd.Wait() // how it ended is seen by what it printed: it is we who end it
		close(v.done)
	}()
	s.server, s.status = v, 0
	for late := time.After(patience); !matches(step.want, s.back.Replace(v.text())); {
		select {
		case <-v.more:
		case <-v.done:
			s.t.Fatalf("%s\nended before it printed what the document says\n%s\nit printed\n%s", where, step.want, s.back.Replace(v.text()))
		case <-late:
			s.t.Fatalf("%s\nprinted\n%s\nand the document says\n%s", where, s.back.Replace(v.text()), step.want)
		}
	}
}

// stopServer ends the server as Ctrl-C would, and sees to it that nothing of it is left.
func (s *session) stopServer() {
	if s.server == nil {
		return
	}
	v := s.server
	s.server = nil
	_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-v.done:
	case <-time.After(patience):
		_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL)
		<-v.done
		s.t.Errorf("the server %q did not end on an interrupt within %s; it printed:\n%s", v.cmd.Args, patience, v.text())
	}
}

// step is one command of a session and what it prints.
type step struct{ command, want string }

// parseSteps takes a session apart. A command that ends in a backslash goes on in the next line.
func parseSteps(text string) ([]step, error) {
	var steps []step
	goesOn := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		command, is := strings.CutPrefix(line, "$ ")
		switch {
		case goesOn:
			last := &steps[len(steps)-1]
			last.command = strings.TrimSuffix(last.command, "\\") + strings.TrimSpace(line)
		case is:
			steps = append(steps, step{command: command})
		case len(steps) == 0:
			return nil, fmt.Errorf("a session begins with a command, not with %q", line)
		default:
			steps[len(steps)-1].want += line + "\n"
			continue
		}
		goesOn = strings.HasSuffix(steps[len(steps)-1].command, "\\")
	}
	if len(steps) == 0 || goesOn {
		return nil, errors.New("a session without a whole command")
	}
	return steps, nil
}

// matches compares what was printed with what a document says, where "..." is anything.
func matches(want, got string) bool {
	parts := strings.Split(oneOfTwo.Replace(lines(want)), "...")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(oneOfTwo.Replace(lines(got)))
}

// lines takes off what cannot be seen: spaces at the ends of lines, and empty lines at either end.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " \t\r")
	}
	return strings.Trim(strings.Join(all, "\n"), "\n")
}

func TestStepsAreFound(t *testing.T) {
	got, err := parseSteps("$ a \\\n    b\none\n\ntwo\n$ " + asksStatus + "\n1\n")
	want := []step{{"a b", "one\n\ntwo\n"}, {asksStatus, "1\n"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	for _, bad := range []string{"", "one\n$ a\n", "$ a \\\n"} {
		if got, err := parseSteps(bad); err == nil {
			t.Errorf("session %q: got %q, want an error", bad, got)
		}
	}
}

func TestOutputsAreCompared(t *testing.T) {
	row := func(want, got string, equal bool) {
		t.Run(strconv.Quote(want), func(t *testing.T) {
			if matches(want, got) != equal {
				t.Errorf("want %q, got %q: matches says %v", want, got, !equal)
			}
		})
	}
	row("", "", true)
	row("", "x\n", false)
	row("a\n", "a\r\n", true)
	row("a.c\n", "abc\n", false)
	row("pid ... done\n", "pid 12 done\n", true)
	row("a\n...\n", "a\nb\nc\n", true)
	row("a\n", "a\nb\n", false)
	row("by 127.0.0.1:9101\n", "by 127.0.0.1:9102\n", true)
}
