// Package largepages has large tables lie in large pages, where the system has such: a read at
// random of one in pages of 4 kB costs the processor one or two more, to find out where the page
// is.
package largepages
