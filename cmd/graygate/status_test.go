package main

import (
	"strings"
	"testing"

	"graygate/admin"
)

// What an operator has to see at once: what is wrong, in a row of its own, and nothing of it when all is well.
func TestStatusText(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*admin.Status)
		want   []string
		absent []string
	}{
		{"well", func(*admin.Status) {}, []string{"gateway      ready, "}, []string{"overload", "reload", "DRAINING", "NOT READY"}},
		{"not ready", func(st *admin.Status) { st.Ready = false }, []string{"NOT READY, "}, nil},
		{"draining", func(st *admin.Status) { st.Ready, st.Draining = false, true }, []string{"DRAINING, "}, []string{"NOT READY"}},
		{"strained", func(st *admin.Status) { st.Overload, st.OverloadBy = "strained", "cpu" }, []string{"overload     STRAINED, by cpu: "}, nil},
		{"overload", func(st *admin.Status) { st.Overload, st.OverloadBy = "on", "run_queue" }, []string{"overload     ON, by run_queue: "}, nil},
		{"a bad reload", func(st *admin.Status) { st.Reload = admin.Reload{Count: 1, Error: "a.yaml:1:2: no\n    x: 1\n    ^"} },
			[]string{"reload       FAILED at ", "\n             a.yaml:1:2: no\n                 x: 1\n                 ^\n"}, []string{"?"}},
	} {
		st := admin.Status{Ready: true, Overload: "off", Reload: admin.Reload{OK: true}}
		c.change(&st)
		got := string(statusText(&st, nil, nil))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: want %q in\n%s", c.name, want, got)
			}
		}
		for _, absent := range c.absent {
			if strings.Contains(got, absent) {
				t.Errorf("%s: want no %q in\n%s", c.name, absent, got)
			}
		}
	}
}
