package luabind

// What modules a script has in use.

// ModuleInfo is what a module declared, for stubs, checks and the reference.
type ModuleInfo struct {
	Name      string     // what scripts require
	Functions []Function // with their declarations
	Events    []Event    // that sip.on can handle
}

// Modules are the declarations of the modules of the generation that serves; none before Start.
func (r *Router) Modules() []ModuleInfo {
	r.mu.Lock()
	g := r.current
	r.mu.Unlock()
	if g == nil {
		return nil
	}
	var list []ModuleInfo
	for _, m := range g.modules {
		info := ModuleInfo{Name: m.name, Functions: m.functions}
		if s, ok := m.module.(EventSource); ok {
			info.Events = s.Events()
		}
		list = append(list, info)
	}
	return list
}
