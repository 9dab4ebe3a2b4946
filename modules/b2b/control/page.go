package control

// The tables of docs/control.md, made of the declarations.

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Orders are all orders, by name.
func (h *Hub) Orders() []Order {
	list := make([]Order, 0, len(h.orders))
	for _, o := range h.orders {
		list = append(list, *o)
	}
	slices.SortFunc(list, func(a, b Order) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Table is a Markdown table of things with a name.
func Table(head string, list []Described) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | |\n|---|---|\n", head)
	for _, d := range list {
		fmt.Fprintf(&b, "| `%s` | %s |\n", d.Name, d.Doc)
	}
	return b.String()
}

// OrderTable is a Markdown table of orders.
func OrderTable(list []Order) string {
	var b strings.Builder
	b.WriteString("| do | takes | role | what it does | result |\n|---|---|---|---|---|\n")
	for _, o := range list {
		if o.Planned {
			fmt.Fprintf(&b, "| `%s` | | act | Planned: it is refused, `not-here`. | |\n", o.Name)
			continue
		}
		role := "act"
		if o.Asks {
			role = "read"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.Name, o.takes(), role, o.Doc, o.Result)
	}
	return b.String()
}

// takes are the names of what an order takes; what must be given is in bold.
func (o *Order) takes() string {
	var names []string
	if o.Where == OnLeg || o.Where == OnAnyLeg {
		names = append(names, "**leg**")
	}
	for _, m := range members(reflect.TypeOf(o.Options)) {
		name := m.name
		if m.required {
			name = "**" + name + "**"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// OptionTable is a Markdown table of the options of an order.
func (o *Order) OptionTable() string {
	var b strings.Builder
	b.WriteString("| option | default | |\n|---|---|---|\n")
	for _, m := range members(reflect.TypeOf(o.Options)) {
		standard := m.tag.Get("default")
		if m.required {
			standard = "required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.name, standard, strings.ReplaceAll(m.tag.Get("doc"), "|", "\\|"))
	}
	return b.String()
}
