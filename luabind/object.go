package luabind

// Object is a Go value that scripts hold as a read-only object with named fields. It must not change, and it may be in use by several VMs at once.
// Nothing is computed before a script asks for it, and a list of objects costs one userdata for each.
//
// An Object that is also a [Targeter] can be given to relay, fork and redirect as a target.
type Object interface {
	ObjectType() *ObjectType
	// Field pushes the value of a field (nil where it has none) and reports true, or pushes nothing and reports false where the type has no such
	// field. It is a switch over name.
	Field(c *Call, name string) bool
}

// ObjectType describes a kind of [Object]. It is made once and not changed any more.
type ObjectType struct {
	Name    string // as documentation calls it: "binding"
	Doc     string
	Fields  []Field
	Methods []Function // called as object:name(...): [Call.Self] is the object, arguments count from 2
}

// Field describes a field of an object.
type Field struct {
	Name string
	Type Type
	Doc  string
}
