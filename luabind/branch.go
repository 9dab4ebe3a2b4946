package luabind

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// branchObj is the Go side of the branch that on_branch gets. It lives as long as that call.
type branchObj struct {
	ud   lua.LUserData
	life *reqObj
	b    *engine.Branch
	over bool
	ruri uriObj
}

func (v *vm) newBranch(b *engine.Branch, life *reqObj) *branchObj {
	o := &branchObj{b: b, life: life}
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.branch}
	o.ruri.kind, o.ruri.br, o.ruri.life = uriBranch, o, life
	v.wrapURI(&o.ruri)
	return o
}

func (o *branchObj) check(l *lua.LState) {
	if o.over {
		raise(l, "this branch has already been sent: a branch can be edited only while its on_branch runs")
	}
	o.life.check(l)
}

// branchType declares the argument of on_branch.
var branchType = &ObjectType{
	Name:    "branch",
	Doc:     "The request of one branch of relay or fork. It can be edited only while its on_branch runs.",
	Example: `req:relay("sip:bob@192.0.2.7", { on_branch = function(branch) branch:set_header("Subject", "trunk") end })`,
	Fields: []Field{
		settable(branchField("ruri", URIType, "the Request-URI of this branch; assigning it, or its parts, edits the branch",
			func(_ *Call, o *branchObj) lua.LValue { return &o.ruri.ud }), assignBranchURI),
		branchField("target", TargetType, "the target as the script passed it", func(c *Call, o *branchObj) lua.LValue { return c.vm.targetValue(o.b.Target()) }).orNil(),
		branchField("method", String, "as in the request", func(c *Call, o *branchObj) lua.LValue { return c.vm.methodName(o.b.Message()) }),
		branchField("body", String, "the body; set_body replaces it", func(_ *Call, o *branchObj) lua.LValue { return bodyValue(o.b.Message()) }).orNil(),
		branchField("parts", List, "the parts of a multipart body; nil for any other body, and for one that can't be read",
			func(c *Call, o *branchObj) lua.LValue { return partsValue(c.l, o.b.Message()) }).of(partShape).orNil(),
		branchField("content_type", String, "Content-Type", func(_ *Call, o *branchObj) lua.LValue {
			return textValue(o.b.Message().Header(message.HeaderContentType))
		}).orNil(),
	},
	Methods: headerMethods(),
	kind: &kind{
		set: func(c *Call, self any, name string) bool {
			self.(*branchObj).check(c.l)
			if name != "ruri" {
				raise(c.l, "only the field ruri of a branch can be assigned, not '%s': branch:set_header(name, value) edits headers", c.l.Get(2).String())
			}
			return false
		},
	},
}

func branchField(name string, t Type, doc string, get func(*Call, *branchObj) lua.LValue) Field {
	return liveField(name, t, doc, get)
}

func assignBranchURI(c *Call, o *branchObj) {
	text, ok := uriTextOf(c.l.Get(3))
	if !ok {
		raise(c.l, "branch.ruri must be a uri or a string, not %s", describe(c.l.Get(3)))
	}
	o.ruri.replace(c.l, text)
}
