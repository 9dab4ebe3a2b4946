package prefix

// Sorting, in steps that let others run.

import (
	"cmp"
	"slices"

	"github.com/sipscript/sipscript/modules/internal/breathe"
)

// stride is how many keys are worked on before others may run, and how many are sorted at once:
// some 100 to 300 µs.
const stride = 4096

// Breathe lets others run once in stride steps.
func Breathe(i int) { breathe.Every(stride, i) }

// item is a key and where it was.
type item struct {
	key   Key
	index int32
}

func compare(a, b item) int {
	if c := cmp.Compare(a.key, b.key); c != 0 {
		return c
	}
	return cmp.Compare(a.index, b.index)
}

// sorted are the keys in order, equal ones as they were given.
func sorted(keys []Key) []item {
	list := make([]item, len(keys))
	inOrder := true
	for i, k := range keys {
		list[i] = item{k, int32(i)}
		inOrder = inOrder && (i == 0 || keys[i-1] <= k)
		Breathe(i)
	}
	if inOrder {
		return list
	}
	for from := 0; from < len(list); from += stride {
		slices.SortFunc(list[from:min(from+stride, len(list))], compare)
		breathe.Every(1, 0)
	}
	other := make([]item, len(list))
	for width := stride; width < len(list); width *= 2 {
		for from := 0; from < len(list); from += 2 * width {
			middle, end := min(from+width, len(list)), min(from+2*width, len(list))
			merge(other[from:end], list[from:middle], list[middle:end])
		}
		list, other = other, list
	}
	return list
}

// merge merges two sorted lists.
func merge(into, a, b []item) {
	for i := range into {
		if len(b) == 0 || len(a) > 0 && compare(a[0], b[0]) <= 0 {
			into[i], a = a[0], a[1:]
		} else {
			into[i], b = b[0], b[1:]
		}
		Breathe(i)
	}
}
