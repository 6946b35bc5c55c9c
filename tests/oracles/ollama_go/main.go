// Golden numbers from Ollama's own packages: what its template package renders, and what its parser reads.
//
//	cargo test --test it ollama_go -- --ignored            writes target/ollama_go.in.json
//	cd tests/oracles/ollama_go && go mod tidy && go run . < ../../../target/ollama_go.in.json > ../../fixtures/ollama_go.json
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/parser"
	"github.com/ollama/ollama/template"
)

type renderCase struct {
	Name     string        `json:"name"`
	Go       string        `json:"go"`
	Messages []api.Message `json:"messages"`
	Text     string        `json:"text"`
	Error    string        `json:"error,omitempty"`
}

type parseCase struct {
	Text     string           `json:"text"`
	Commands []parser.Command `json:"commands"`
	Error    bool             `json:"error,omitempty"`
}

type all struct {
	Renders []renderCase `json:"renders"`
	Parses  []parseCase  `json:"parses"`
}

func main() {
	var cases all
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for i := range cases.Renders {
		c := &cases.Renders[i]
		t, err := template.Parse(c.Go)
		if err != nil {
			c.Error = err.Error()
			continue
		}
		var out bytes.Buffer
		// Execute merges messages in place: give it a copy, so that the fixture keeps the conversation.
		if err := t.Execute(&out, template.Values{Messages: append([]api.Message{}, c.Messages...)}); err != nil {
			c.Error = err.Error()
			continue
		}
		c.Text = out.String()
	}
	for i := range cases.Parses {
		c := &cases.Parses[i]
		file, err := parser.ParseFile(strings.NewReader(c.Text))
		if err != nil {
			c.Error = true
			continue
		}
		c.Commands = file.Commands
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(cases); err != nil {
		panic(err)
	}
}
