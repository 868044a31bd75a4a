package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"graygate/match"
)

// ErrNoOverrides refuses to sign an override that no gateway with this config would take.
var ErrNoOverrides = errors.New("the config takes no overrides; add `assignments: {override_key_file: PATH}`, and a file with a line of random text")

// SignOverride gives the value of X-Experiment-Override that forces variants, each written as EXPERIMENT=VARIANT, for
// requests of a tenant, "" being those of none. It is checked as the data plane would check it at a time now; with an error
// there is no value.
func (s *Snapshot) SignOverride(tenant string, variants []string, now, expires time.Time) (string, error) {
	if s.overrideKey == nil {
		return "", ErrNoOverrides
	}
	tree := s.TreeOf([]byte(tenant))
	if tree == nil {
		return "", errors.New("the config has no experiments; define one")
	}
	value := match.SignOverride(s.overrideKey, strings.Join(variants, ", "), expires)
	if _, err := match.NewOverrideReader(s.overrideKey).Read(tree.Set, []byte(value), now, nil); err != nil {
		if errors.Is(err, match.ErrOverrideForm) {
			return "", fmt.Errorf("%s is not a list of variants; write EXPERIMENT=VARIANT", quoted(strings.Join(variants, " ")))
		}
		return "", err
	}
	return value, nil
}
