package measure

import "testing"

func TestTable(t *testing.T) {
	table := NewTable("proxy", "µs", "errors")
	table.Row("graygate", "9.5", "0")
	table.Row("nginx", "12.25", "")
	const want = "" +
		"proxy        µs  errors\n" +
		"graygate    9.5       0\n" +
		"nginx     12.25\n"
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
