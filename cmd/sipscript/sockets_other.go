//go:build !unix

package main

import "os"

// onlyIPv6 is not asked where there is no systemd.
func onlyIPv6(*os.File) (bool, error) { return true, nil }
