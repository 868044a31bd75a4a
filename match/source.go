package match

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// conditionText finds the text of a part in the text of a condition. The parser's nodes know the place of one token only,
// that of an operator say, and nothing of parentheses.
type conditionText struct {
	text   []rune
	tokens []lexer.Token
	at     map[file.Location]int // the tokens by their place
}

func newSource(when string) conditionText {
	tokens, err := lexer.Lex(file.NewSource(when))
	if err != nil {
		tokens = nil // it was parsed, so this cannot be; parts are then printed anew
	}
	s := conditionText{text: []rune(when), tokens: tokens, at: make(map[file.Location]int, len(tokens))}
	for i, t := range tokens {
		s.at[t.Location] = i
	}
	return s
}

// of gives the text of a part as it was written, without parentheses round it. Where that cannot be told it is printed
// anew: what is given always parses to the same tree.
func (s *conditionText) of(tree ast.Node) string {
	printed := tree.String()
	first, last, ok := s.span(tree)
	if !ok {
		return printed
	}
	first, last = s.balance(first, last)
	text := string(s.text[s.tokens[first].From:s.tokens[last].To])
	if again, err := parser.Parse(text); err != nil || again.Node.String() != printed {
		return printed
	}
	return text
}

// span gives the first and the last token that a node or one below it is at.
func (s *conditionText) span(tree ast.Node) (first, last int, ok bool) {
	first, last = len(s.tokens), -1
	if at := s.token(tree); at >= 0 {
		first, last = at, at
		if isCall(tree) && at+1 < len(s.tokens) && s.tokens[at+1].Value == "(" {
			last++
		}
	}
	for _, child := range children(tree) {
		if from, to, ok := s.span(child); ok {
			first, last = min(first, from), max(last, to)
		}
	}
	return first, last, last >= 0
}

// token gives the token that a node is at, -1 if it is none of its own.
func (s *conditionText) token(tree ast.Node) int {
	if _, ok := tree.(*ast.ConditionalNode); ok {
		return -1 // the place that the parser gives is behind it
	}
	if at, ok := s.at[tree.Location()]; ok {
		return at
	}
	return -1
}

// isCall tells whether a node is a call; its token is then the name.
func isCall(tree ast.Node) bool {
	switch tree.(type) {
	case *ast.BuiltinNode, *ast.CallNode:
		return true
	}
	return false
}

// balance makes a span longer until every bracket in it has its partner.
func (s *conditionText) balance(first, last int) (int, int) {
	open := 0
	for i := first; i <= last; i++ {
		open += s.bracket(i)
		for open < 0 && first > 0 { // its partner is before the span
			first--
			open += s.bracket(first)
		}
	}
	for open > 0 && last+1 < len(s.tokens) {
		last++
		open += s.bracket(last)
	}
	return first, last
}

// bracket gives 1 for an opening bracket, -1 for a closing one, else 0.
func (s *conditionText) bracket(token int) int {
	t := s.tokens[token]
	if t.Kind == lexer.Bracket {
		switch t.Value {
		case "(", "[", "{":
			return 1
		case ")", "]", "}":
			return -1
		}
	}
	return 0
}

// isInfixNot tells whether a negation stands between the sides of its operator: `os not in ['ios']` is one test.
func (s *conditionText) isInfixNot(n *ast.UnaryNode) bool {
	b, ok := n.Node.(*ast.BinaryNode)
	if !ok {
		return false
	}
	left, _, ok := s.span(b.Left)
	return ok && s.token(n) > left
}
