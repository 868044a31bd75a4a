package rig

import (
	"bytes"
	"embed"
	"text/template"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

// A value that a template asks for and does not get is an error, never "<no value>" in a config.
var templates = template.Must(template.New("").Option("missingkey=error").ParseFS(templateFiles, "templates/*.tmpl"))

// render fills a template by its file name.
func render(name string, values any) ([]byte, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, values); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
