package main

// The files made from declarations.

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestMadeFilesAreFresh(t *testing.T) {
	files, err := madeFiles()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		t.Run(path, func(t *testing.T) {
			got, err := os.ReadFile(filepath.Join("../..", path))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what the declarations say (%v): run make docs", path, err)
			}
		})
	}
}

// Another maker's reader finds nothing wrong with the document of the API.
func TestOpenAPIDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Error(err)
	}
	if n := doc.Paths.Len(); n < 35 {
		t.Errorf("only %d paths", n)
	}
}
