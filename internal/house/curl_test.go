package house

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// curl stands in for the real one where there is none, so that the documents' sessions need nothing but Go and make.
// It knows the options that the documents use and refuses others. It gives the exit status.
func curl(args []string, out, errOut io.Writer) int {
	method, target, host, head := "GET", "", "", false
	fields := "User-Agent: curl\r\nAccept: */*\r\n"
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		value := func() string {
			if len(args) == 0 {
				return ""
			}
			v := args[0]
			args = args[1:]
			return v
		}
		switch {
		case arg == "-s":
		case arg == "-i":
			head = true
		case arg == "-X":
			method = value()
		case arg == "-b":
			fields += "Cookie: " + value() + "\r\n"
		case arg == "-H":
			fields += value() + "\r\n"
		case strings.HasPrefix(arg, "-"):
			fmt.Fprintf(errOut, "curl: the stand-in does not know %s\n", arg)
			return 2
		default:
			host, target, _ = strings.Cut(strings.TrimPrefix(arg, "http://"), "/")
		}
	}
	conn, err := net.Dial("tcp", host)
	if err != nil {
		fmt.Fprintln(errOut, "curl:", err)
		return 7
	}
	defer conn.Close()
	// Written by hand: net/http would mend what the documents send wrong on purpose.
	fmt.Fprintf(conn, "%s /%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, target, host, fields)
	in := &recorder{from: conn}
	answer, err := http.ReadResponse(bufio.NewReader(in), nil)
	if err != nil {
		fmt.Fprintln(errOut, "curl:", err)
		return 52
	}
	body, err := io.ReadAll(answer.Body)
	if head {
		upTo, _, _ := strings.Cut(in.text.String(), "\r\n\r\n")
		fmt.Fprint(out, upTo+"\r\n\r\n")
	}
	_, _ = out.Write(body)
	if err != nil {
		fmt.Fprintln(errOut, "curl:", err)
		return 18
	}
	return 0
}

// recorder keeps what was read, so that the head can be shown as it came.
type recorder struct {
	from io.Reader
	text strings.Builder
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.text.Write(p[:n])
	return n, err
}

func TestCurlStandIn(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		fmt.Fprintf(w, "%s %s host=%v tag=%q cookie=%q\n", r.Method, r.URL, r.Host != "", r.Header.Get("X-Gray-Tag"), r.Header.Get("Cookie"))
	}))
	defer origin.Close()
	type result struct {
		status   int
		out, err string
	}
	row := func(args []string, want result) {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var out, errOut strings.Builder
			got := result{status: curl(append(args, strings.TrimPrefix(origin.URL, "http://")+"/a?b=c"), &out, &errOut)}
			got.out, got.err = out.String(), errOut.String()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("args %q\n got %+v\nwant %+v", args, got, want)
			}
		})
	}
	row(nil, result{0, "GET /a?b=c host=true tag=\"\" cookie=\"\"\n", ""})
	row([]string{"-s", "-H", "X-Gray-Tag: gray", "-b", "uid=1", "-X", "PUT"}, result{0, "PUT /a?b=c host=true tag=\"gray\" cookie=\"uid=1\"\n", ""})
	row([]string{"-i", "-b", "x"}, result{0, "HTTP/1.1 200 OK\r\nContent-Length: 39\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGET /a?b=c host=true tag=\"\" cookie=\"x\"\n", ""})
	row([]string{"--proxy", "x"}, result{2, "", "curl: the stand-in does not know --proxy\n"})
}
