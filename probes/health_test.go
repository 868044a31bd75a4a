package probes

import (
	"reflect"
	"testing"
)

func TestRiseAndFall(t *testing.T) {
	const refused, status = "connection refused", "status 503, want 200"
	row := func(name string, rise, fall int, checks []string, want ...Result) {
		t.Run(name, func(t *testing.T) {
			var h health
			var got []Result
			for _, failure := range checks {
				got = append(got, h.step(failure, rise, fall))
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("rise %d, fall %d, checks %q\n got %+v\nwant %+v", rise, fall, checks, got, want)
			}
		})
	}
	well := Result{Healthy: true, Passed: true}
	up := Result{Healthy: true, Passed: true, Changed: true}
	down := func(why string) Result { return Result{Changed: true, Reason: why} }
	ill := func(why string) Result { return Result{Reason: why} }
	row("the first decides: well", 2, 3, []string{""}, up)
	row("the first decides: ill", 2, 3, []string{refused}, down(refused))
	row("falls after three in a row", 2, 3, []string{"", refused, refused, "", refused, status, refused, status},
		up, Result{Healthy: true, Reason: refused}, Result{Healthy: true, Reason: refused}, well,
		Result{Healthy: true, Reason: refused}, Result{Healthy: true, Reason: status}, down(refused), ill(status))
	row("rises after two in a row", 2, 1, []string{refused, "", status, "", "", ""},
		down(refused), Result{Passed: true, Reason: refused + "; since then passed 1 of 2"}, ill(status),
		Result{Passed: true, Reason: status + "; since then passed 1 of 2"}, up, well)
	row("one is enough", 1, 1, []string{"", refused, "", refused}, up, down(refused), up, down(refused))
	row("thresholds of 0 are as 1", 0, 0, []string{"", refused, ""}, up, down(refused), up)
}
