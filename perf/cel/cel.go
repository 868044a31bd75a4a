// Package cel puts cel-go beside graygate's own machine for conditions: the same conditions, the same attributes
// (match/testdata/eval.json), the same answers. It is a module of its own, so that graygate does not depend on cel-go.
package cel

import (
	"encoding/json"
	"fmt"
	"os"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// casesFile is where match's benchmarks have their conditions, from this folder.
const casesFile = "../../match/testdata/eval.json"

// cases are what the file says.
type cases struct {
	Attributes []attribute
	Conditions []struct {
		Name, Match, Cel string
	}
}

type attribute struct {
	Name, Type string
	Value      any
}

func readCases() (c cases, err error) {
	text, err := os.ReadFile(casesFile)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(text, &c)
}

// environment declares the attributes. CEL has no versions: those come as their first part, in an attribute of type int.
func environment(c cases) (*cel.Env, error) {
	options := []cel.EnvOption{ext.Strings(), ext.Network()}
	for _, a := range c.Attributes {
		typ := cel.StringType
		if a.Type == "int" {
			typ = cel.IntType
		}
		options = append(options, cel.Variable(a.Name, typ))
	}
	return cel.NewEnv(options...)
}

// compile makes a program as fast as cel-go knows: constants folded, lists made sets, patterns compiled beforehand.
func compile(env *cel.Env, text string) (cel.Program, error) {
	tree, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return env.Program(tree, cel.EvalOptions(cel.OptOptimize))
}

// activation gives the attributes once, so that a run need not wrap them anew.
func activation(attributes []attribute) (cel.Activation, error) {
	values := map[string]any{}
	for _, a := range attributes {
		values[a.Name] = a.Value
		if n, ok := a.Value.(float64); ok {
			values[a.Name] = int64(n)
		}
	}
	return cel.NewActivation(values)
}
