package config

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// joinPlain mends how the library's lexer reads plain text with a colon in it inside braces: it takes
// `{endpoints: [127.0.0.1:9101]}` for a mapping from 127.0.0.1 to 9101. In YAML a colon ends a plain key only when
// something other than text follows it (YAML 1.2, 7.3.3), so that text, colon and text without space
// between them are one text again here. The colon behind a quoted key is left alone.
func joinPlain(tokens token.Tokens) token.Tokens {
	out := make(token.Tokens, 0, len(tokens))
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.Type != token.MappingValueType || i+1 == len(tokens) || !follows(t, tokens[i+1]) || !isPlain(tokens[i+1]) {
			out = append(out, t)
			continue
		}
		after := tokens[i+1]
		at, value, origin := t.Position, ":"+after.Value, t.Origin+after.Origin
		if n := len(out); n > 0 && isPlain(out[n-1]) && follows(out[n-1], t) {
			before := out[n-1]
			at, value, origin = before.Position, before.Value+value, before.Origin+origin
			out = out[:n-1]
		}
		out = append(out, token.String(value, origin, at))
		i++
	}
	for i, t := range out {
		t.Prev, t.Next = nil, nil
		if i > 0 {
			t.Prev, out[i-1].Next = out[i-1], t
		}
	}
	return out
}

// follows reports whether b begins where a ends, on the same line.
func follows(a, b *token.Token) bool {
	return a.Position.Line == b.Position.Line && a.Position.Column+utf8.RuneCountInString(a.Value) == b.Position.Column
}

// isPlain reports whether t is a text or a number without quotes.
func isPlain(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.IntegerType, token.FloatType, token.BinaryIntegerType, token.OctetIntegerType,
		token.HexIntegerType, token.BoolType, token.NullType, token.InfinityType, token.NanType:
		return true
	}
	return false
}
