package main

// What scripts can require.

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/uac"
)

// builtins are the modules of this binary: the one list there is. They live as long as the process, whatever happens to
// scripts.
func builtins(r *registrar.Registrar, a *auth.Auth, u *uac.UAC) []luabind.Opener {
	return []luabind.Opener{
		a,
		r,
		u,
	}
}
