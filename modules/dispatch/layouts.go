package dispatch

// Lists as other systems have them.

import (
	"context"

	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/source"
)

// layout opens a list that another system wrote.
type layout func(ctx context.Context, spec source.Spec, set string, o Options, build func([]gateways.Entry) ([]gateways.Entry, error)) (*source.List[[]gateways.Entry], error)

// layoutOf is the layout of a name, nil if it is not known here.
func layoutOf(name string) layout { return nil }
