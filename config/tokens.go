package config

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// refused are the parts of YAML that a config has no use for.
var refused = map[token.Type]problem{
	token.AnchorType:     {What: "anchors (&) are not read here", Fix: "write the value out where it is used; a text that begins with & needs quotes"},
	token.AliasType:      {What: "aliases (*) are not read here", Fix: "write the value out; a text that begins with * needs quotes"},
	token.MergeKeyType:   {What: "merge keys (<<) are not read here", Fix: "write the keys out"},
	token.TagType:        {What: "tags (!) are not read here", Fix: "delete the tag; a text that begins with ! needs quotes"},
	token.MappingKeyType: {What: "keys behind a ? are not read here", Fix: "write key: value"},
	token.DirectiveType:  {What: "directives (%) are not read here", Fix: "delete the line"},
}

// checkTokens refuses what refused lists, all of it at once, and stops at what cannot be gone on from: nesting
// too deep, mappings too large, a second document. False then. After true the tree may hold nodes that were
// refused; the decoder says nothing more about them (see bare).
func (s *source) checkTokens(tokens token.Tokens) bool {
	told := len(s.errs)
	var depth nesting
	var doc document
	empty := 0
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if p, ok := refused[t.Type]; ok {
			s.fail(tokenPlace(t), p)
		}
		p := doc.add(t)
		if p == nil {
			p = depth.add(t)
		}
		if isEmpty(t) || depth.inBraces() && isLoneKey(t) {
			if empty++; empty > maxEmpty {
				p = &problem{What: "too many keys and entries without a value", Fix: "give them one, or delete them"}
			}
		}
		if p != nil {
			s.fail(tokenPlace(t), *p)
		}
		if p != nil || t.Type == token.DirectiveType || len(s.errs) > told+MaxPrinted {
			return false
		}
	}
	return true
}

// isEmpty reports whether t promises a value that does not come.
func isEmpty(t *token.Token) bool {
	if t.Type != token.SequenceEntryType && t.Type != token.MappingValueType {
		return false
	}
	if t.Next == nil {
		return true
	}
	switch t.Next.Type {
	case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
		return true
	}
	column := t.Position.Column
	if t.Type == token.MappingValueType && t.Prev != nil {
		column = t.Prev.Position.Column
	}
	return t.Next.Position.Line > t.Position.Line && t.Next.Position.Column <= column
}

// isLoneKey reports whether t, inside braces, is a key without a colon: {a, b}.
func isLoneKey(t *token.Token) bool {
	if t.Prev == nil || t.Prev.Type != token.MappingStartType && t.Prev.Type != token.CollectEntryType || t.Next == nil {
		return false
	}
	return t.Next.Type == token.CollectEntryType || t.Next.Type == token.MappingEndType
}

// document follows the signs that part documents.
type document struct{ began, ended bool }

func (d *document) add(t *token.Token) *problem {
	switch {
	case t.Type == token.DocumentHeaderType && !d.began:
	case t.Type == token.DocumentEndType && !d.ended:
		d.ended = true
	case t.Type == token.DocumentHeaderType, d.ended:
		return &problem{
			What: "a second document begins here",
			Why:  "a config is one document; which of several would count is a matter of taste",
			Fix:  "put it in a file of its own, or delete the line",
		}
	}
	d.began = true
	return nil
}

// nesting counts how deep a token stands, and how many keys are on its level.
type nesting struct{ open []level }

// level is a bracket, or in block style the column that keys or dashes begin in.
type level struct {
	column int  // 0 for a bracket
	braces bool // the bracket is {
	keys   int
}

func (n *nesting) add(t *token.Token) *problem {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.open = append(n.open, level{braces: t.Type == token.MappingStartType})
	case token.SequenceEndType, token.MappingEndType:
		if n.inBrackets() {
			n.open = n.open[:len(n.open)-1]
		}
	case token.SequenceEntryType:
		if n.inBrackets() {
			return &problem{What: "a - inside brackets", Fix: "part the entries by commas, or close the bracket"}
		}
		n.column(t.Position.Column)
	case token.MappingValueType:
		if key := t.Prev; !n.inBrackets() && key != nil {
			n.column(key.Position.Column)
		} else if !n.inBrackets() {
			n.column(t.Position.Column)
		}
		n.open[len(n.open)-1].keys++
	}
	switch {
	case len(n.open) > MaxDepth:
		return &problem{
			What: fmt.Sprintf("nested deeper than %d levels", MaxDepth),
			Fix:  "a config needs no more than 6; is a bracket or an indentation wrong?",
		}
	case len(n.open) > 0 && n.open[len(n.open)-1].keys > MaxKeys:
		return &problem{What: fmt.Sprintf("more than %d keys in one mapping", MaxKeys), Fix: "use fewer"}
	}
	return nil
}

func (n *nesting) inBrackets() bool {
	return len(n.open) > 0 && n.open[len(n.open)-1].column == 0
}

func (n *nesting) inBraces() bool {
	return len(n.open) > 0 && n.open[len(n.open)-1].braces
}

// column goes to the level that begins in a column, and ends those that began further right.
func (n *nesting) column(col int) {
	for len(n.open) > 0 && n.open[len(n.open)-1].column > col {
		n.open = n.open[:len(n.open)-1]
	}
	if len(n.open) == 0 || n.open[len(n.open)-1].column < col {
		n.open = append(n.open, level{column: col})
	}
}
