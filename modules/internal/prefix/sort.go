package prefix

// Sorting, in steps that let others run.

import (
	"cmp"
	"runtime"
	"slices"
)

// stride is how many keys are worked on before others may run: some 100 µs.
const stride = 2048

// Breathe lets others run once in stride steps. The scheduler would do so only after 10 ms, which a
// call on a busy machine should not wait.
func Breathe(i int) {
	if i%stride == stride-1 {
		runtime.Gosched()
	}
}

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
		runtime.Gosched()
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
