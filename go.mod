module github.com/sipscript/sipscript

go 1.26
