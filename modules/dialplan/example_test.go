package dialplan_test

import (
	"fmt"

	"github.com/sipscript/sipscript/modules/dialplan"
)

// A plan of two rules.
func Example() {
	plan, err := dialplan.New([]dialplan.Rule{{Match: `^00(.*)`, Replace: "+%1"}, {Prefix: "0", Strip: 1, Add: "+49"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, number := range []string{"0044201234567", "030123456", "12"} {
		result, ok, _ := plan.Translate(number, nil)
		fmt.Println(number, result.Text, ok)
	}
	// Output:
	// 0044201234567 +44201234567 true
	// 030123456 +4930123456 true
	// 12  false
}
