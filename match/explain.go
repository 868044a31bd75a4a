package match

import (
	"fmt"
	"strings"
)

// Outcome is what a condition comes out as: false, unknown or true, in Kleene's logic. Only true matches.
type Outcome int8

// The outcomes. The negation of one has its sign turned round.
const (
	False Outcome = iota - 1
	Unknown
	True
)

// String gives "false", "unknown" or "true".
func (o Outcome) String() string { return [...]string{"false", "unknown", "true"}[o+1] }

// MarshalText gives the outcome as its word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (o *Outcome) UnmarshalText(text []byte) error {
	for _, known := range []Outcome{False, Unknown, True} {
		if known.String() == string(text) {
			*o = known
			return nil
		}
	}
	return fmt.Errorf("%q is no outcome; it is false, unknown or true", text)
}

// RuleTrace says why a rule matches a request, or why not, wherever it stands in its rule set.
type RuleTrace struct {
	Name      string       `json:"name"`
	Outcome   Outcome      `json:"outcome"`             // true: it matches; unknown: the requests before it decide
	Condition *Expression  `json:"condition,omitempty"` // nil: it has none
	Share     *ShareTrace  `json:"share,omitempty"`     // nil: it has none
	Failed    []Expression `json:"failed,omitempty"`    // the parts of the condition for which it is not true
}

// ShareTrace says what a rule's percentage makes of a request.
type ShareTrace struct {
	By        string  `json:"by"`                 // the attribute that is the unit, or "request"
	Unit      *string `json:"unit"`               // nil: it is missing
	TooLong   bool    `json:"too_long,omitempty"` // the unit has more than [MaxUnitBytes], and so counts as missing
	Salt      string  `json:"salt,omitempty"`     // that is hashed with the unit, its role included
	Bucket    *uint32 `json:"bucket"`             // of [PPM]; nil: there is no unit
	Threshold uint32  `json:"threshold"`          // buckets below it are in; of a share of requests, how many of a million
	Outcome   Outcome `json:"outcome"`            // unknown: a share of requests, of which this one was not counted
}

// Explain says what rule i makes of a request. The answers are those of [RuleSet.Decide], because they come from programs of
// the same compiler on the same machine, one for every part of the condition. It allocates, takes time in proportion to the
// square of the condition's length, and leaves shares of requests in sequence as they are. a must have been Reset with the
// schema that the rules were compiled for.
func (rs *RuleSet) Explain(i int, a *Attributes) RuleTrace {
	if a.schema != rs.schema {
		panic("BUG: match: attributes of another schema than the rules'")
	}
	r := rs.rules[i]
	out := RuleTrace{Name: r.Name, Outcome: True}
	if strings.TrimSpace(r.When) != "" {
		x, errs := ExplainCondition(rs.schema, r.When, a)
		if errs != nil {
			panic("BUG: match: a condition that was compiled is wrong: " + errs[0].Error())
		}
		out.Condition, out.Failed, out.Outcome = &x, x.Failed(), x.Outcome
	}
	if r.HasPercent {
		out.Share = rs.explainShare(r, a)
		if out.Outcome == True {
			out.Outcome = out.Share.Outcome
		}
	}
	if out.Condition != nil && out.Condition.Outcome != True {
		out.Outcome = False // a rule is not unknown because its condition is
	}
	return out
}

func (rs *RuleSet) explainShare(r Rule, a *Attributes) *ShareTrace {
	out := &ShareTrace{By: r.By, Threshold: r.PPM}
	if r.By == byRequest {
		switch r.PPM {
		case 0:
			out.Outcome = False
		case PPM:
			out.Outcome = True
		}
		return out
	}
	unit := rs.schema.byName[r.By]
	share := r
	share.When = ""
	out.Salt = r.bucket(unit).text
	out.Outcome = alone(rs.schema, checkedRule{Rule: share, unit: unit}).matches(a)
	if text := a.Value(unit); text != nil {
		value := string(text)
		out.Unit, out.TooLong = &value, len(text) > MaxUnitBytes
		if !out.TooLong {
			bucket := Bucket(out.Salt, text)
			out.Bucket = &bucket
		}
	}
	return out
}

// alone compiles one rule by itself.
func alone(s *Schema, r checkedRule) *RuleSet {
	return &RuleSet{schema: s, prog: generate(s, []checkedRule{r}, false)}
}

// matches tells whether the only rule matches.
func (rs *RuleSet) matches(a *Attributes) Outcome {
	if rs.Decide(a, rs.NewState()) == 0 {
		return True
	}
	return False
}

// outcome asks twice: whether the condition is true, and whether its negation is.
func (c *cond) outcome(s *Schema, a *Attributes) Outcome {
	if alone(s, checkedRule{cond: c, unit: -1}).matches(a) == True {
		return True
	}
	if alone(s, checkedRule{cond: newNot(c), unit: -1}).matches(a) == True {
		return False
	}
	return Unknown
}
