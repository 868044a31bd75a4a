package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Readers of values that have bounds. A word, if there is one, is kept as 0, and 0 is no way to write it.

// whole reads a whole number from least to most, or the word.
func (d *decoder) whole(n ast.Node, of, word string, least, most int) Field[int] {
	if word != "" && isWord(n, word) {
		return Field[int]{At: place(n), Set: true, node: n}
	}
	want := orWant(word, "a whole number")
	if !d.number(n, of) {
		return Field[int]{At: place(n), Bad: true}
	}
	fix := boundsFix(word, strconv.Itoa(least), strconv.Itoa(most))
	return scalar(d, n, of, want, func(s string) (int, *problem) {
		v, err := strconv.Atoi(s)
		switch {
		case !plainNumber(s):
			return 0, &problem{What: of + " must be " + want + ", not " + quoted(s), Fix: d.didYouMean(s, []string{word}, fix)}
		case err != nil || v < least || v > most:
			return 0, &problem{What: of + " is " + s, Fix: fix}
		}
		return v, nil
	})
}

// share reads a percentage with its sign, as parts per million from least to most, or the word.
func (d *decoder) share(n ast.Node, of, word string, least, most uint32) Field[uint32] {
	if word != "" && isWord(n, word) {
		return Field[uint32]{At: place(n), Set: true, node: n}
	}
	fix := boundsFix(word, formatPercent(least)+"%", formatPercent(most)+"%")
	return scalar(d, n, of, orWant(word, "a percentage"), func(s string) (uint32, *problem) {
		ppm, p := parseShare(s)
		switch {
		case p != nil:
			return 0, p
		case ppm < least || ppm > most:
			return 0, &problem{What: of + " is " + s, Fix: fix}
		}
		return ppm, nil
	})
}

// span reads a duration from least to most, or the word.
func (d *decoder) span(n ast.Node, of, word string, least, most time.Duration) Field[time.Duration] {
	if word != "" && isWord(n, word) {
		return Field[time.Duration]{At: place(n), Set: true, node: n}
	}
	return scalar(d, n, of, orWant(word, "a duration"), func(s string) (time.Duration, *problem) {
		return parseSpan(s, of, word, least, most)
	})
}

func parseSpan(s, of, word string, least, most time.Duration) (time.Duration, *problem) {
	v, p := parseDuration(s)
	if p == nil && (v < least || v > most) {
		p = &problem{What: of + " is " + formatDuration(v), Fix: boundsFix(word, formatDuration(least), formatDuration(most))}
	}
	return v, p
}

// decimal reads a plain decimal number from least to most, or the word.
func (d *decoder) decimal(n ast.Node, of, word string, least, most float64) Field[float64] {
	if word != "" && isWord(n, word) {
		return Field[float64]{At: place(n), Set: true, node: n}
	}
	want := orWant(word, "a number")
	if !d.number(n, of) {
		return Field[float64]{At: place(n), Bad: true}
	}
	fix := boundsFix(word, formatDecimal(least), formatDecimal(most))
	return scalar(d, n, of, want, func(s string) (float64, *problem) {
		v, ok := parseDecimal(s)
		switch {
		case !ok:
			return 0, &problem{What: of + " must be " + want + ", not " + quoted(s), Fix: d.didYouMean(s, []string{word}, fix)}
		case v < least || v > most:
			return 0, &problem{What: of + " is " + s, Fix: fix}
		}
		return v, nil
	})
}

func orWant(word, want string) string {
	if word == "" {
		return want
	}
	return word + " or " + want
}

func boundsFix(word, least, most string) string {
	if word == "" {
		return fmt.Sprintf("give %s to %s", least, most)
	}
	return fmt.Sprintf("write %s, or give %s to %s", word, least, most)
}

// switched reads on, off, or a mapping, which is on.
func (d *decoder) switched(n ast.Node, of string, keys ...key) Field[bool] {
	f := Field[bool]{Value: true, At: place(n), node: n}
	switch bare(n).(type) {
	case ast.ScalarNode:
		return d.onOff(n, of)
	case *ast.SequenceNode:
		d.wrongType(n, of, "on, off or keys and values", "")
	default:
		f.Set = d.object(n, of, keys...)
	}
	f.Bad = !f.Set
	return f
}

// offOr reads off or a mapping; lone is the key that a lone value was most likely meant for, and example a value of it.
func (d *decoder) offOr(n ast.Node, of, lone, example string, keys ...key) (off, ok bool) {
	if isWord(n, "off") {
		return true, true
	}
	if s, single := bare(n).(ast.ScalarNode); single {
		value := s.GetToken().Value
		switch value {
		case "on", "true", "yes":
			value = example
		}
		d.wrongType(n, of, "off or a mapping with "+lone, "write {"+lone+": "+value+"}")
		return false, false
	}
	return false, d.object(n, of, keys...)
}

// nameOr reads a name, or the word for none.
func (d *decoder) nameOr(n ast.Node, of, word string) Field[string] {
	if word != "" && isWord(n, word) {
		return Field[string]{At: place(n), Set: true, node: n}
	}
	return scalar(d, n, of, "text", func(s string) (string, *problem) {
		if !isName(s) {
			return "", &problem{
				What: fmt.Sprintf("%s cannot be the name of %s", quoted(s), article(of)),
				Fix:  fmt.Sprintf("use letters, digits, - _ and ., up to %d, beginning with a letter or digit", MaxName),
			}
		}
		return s, nil
	})
}
