//go:build portable || !(linux && (amd64 || arm64 || riscv64 || loong64))

package engine_test

// portable: what is tested is what other systems than Linux run.
const portable = true
