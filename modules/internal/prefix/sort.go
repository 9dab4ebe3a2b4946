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

// sorted are the keys in order, equal ones as they were given: in pieces, of which all but the last
// have stride items.
func sorted(keys *breathe.List[Key]) [][]item {
	var items, other breathe.List[item]
	inOrder, before := true, Key(0)
	for i := range keys.Len() {
		k := *keys.At(i)
		items.Append(item{k, int32(i)})
		inOrder, before = inOrder && before <= k, k
		Breathe(i)
	}
	list := items.Pieces()
	if inOrder {
		return list
	}
	for _, piece := range list {
		slices.SortFunc(piece, compare)
		breathe.Every(1, 0)
	}
	if len(list) == 1 {
		return list
	}
	for i := range items.Len() {
		other.Append(item{})
		Breathe(i)
	}
	into := other.Pieces()
	for width := 1; width < len(list); width *= 2 {
		for from := 0; from < len(list); from += 2 * width {
			middle, end := min(from+width, len(list)), min(from+2*width, len(list))
			merge(into[from:end], list[from:middle], list[middle:end])
		}
		list, into = into, list
	}
	return list
}

// merge merges two sorted lists.
func merge(into, a, b [][]item) {
	var x, y []item // what is left of the pieces it takes from
	for _, piece := range into {
		for i := range piece {
			if len(x) == 0 && len(a) > 0 {
				x, a = a[0], a[1:]
			}
			if len(y) == 0 && len(b) > 0 {
				y, b = b[0], b[1:]
			}
			if len(y) == 0 || len(x) > 0 && compare(x[0], y[0]) <= 0 {
				piece[i], x = x[0], x[1:]
			} else {
				piece[i], y = y[0], y[1:]
			}
		}
		breathe.Every(1, 0)
	}
}
