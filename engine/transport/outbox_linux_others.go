//go:build linux && (arm64 || riscv64 || loong64) && !portable

package transport

import "syscall"

const sysSendmmsg = syscall.SYS_SENDMMSG
