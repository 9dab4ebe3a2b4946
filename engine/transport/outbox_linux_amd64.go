package transport

// sysSendmmsg is missing from package syscall on this architecture only.
const sysSendmmsg = 307
