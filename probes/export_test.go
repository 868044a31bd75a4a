package probes

import "context"

// CheckOnce makes one real check and gives its reason, "" if it passed. The tests with sockets stand outside the package, for
// their kit imports it.
func CheckOnce(ctx context.Context, address string, c *Check) string {
	return CheckTarget(ctx, Target{Address: address, Check: c})
}

// CheckTarget is CheckOnce for a whole target.
func CheckTarget(ctx context.Context, t Target) string {
	err := ask(ctx, newQuestion(t))
	if err == nil {
		return ""
	}
	return reason(err, t.Check.Timeout)
}
