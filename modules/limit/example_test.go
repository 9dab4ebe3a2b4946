package limit_test

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/modules/limit"
)

func Example() {
	l := limit.New(limit.Options{})
	defer l.Close()
	for range 3 {
		ok, _ := l.Rate("calls:alice", 2, time.Minute, 0)
		fmt.Println(ok)
	}
	// Output:
	// true
	// true
	// false
}
