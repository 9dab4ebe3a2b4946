//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package engine_test

const portable = false
