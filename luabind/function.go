package luabind

// Function is a function of a module, or a method of an object, as scripts see it. One that reads
// its arguments is made by [Func1] and its variants, which fill in Params, Results and Call: the
// documentation and the code then come from the same declaration.
type Function struct {
	Name string // dots make tables: "json.encode" of the library sip
	Doc  string // one or two sentences: meaning, units, errors
	// Example is a line or a few of Lua, which a test runs.
	Example string
	// Raises says in which cases the function raises an error, apart from arguments of the wrong
	// type.
	Raises  string
	Params  []Param
	Results []Result
	Where   Where // elsewhere it raises an error
	// Why completes the error of a call out of place: ": it runs once in the process".
	Why string
	// Waits: the function may lend the lane. It is refused while the file runs.
	Waits bool
	// WaitsWith names the parameter with which alone the function may wait.
	WaitsWith string
	// Decides: it can be the request's decision; a second one raises.
	Decides bool
	// DecidesFrom is the lowest code, in the first argument, that decides: a provisional one
	// doesn't.
	DecidesFrom int
	// Effects is what check knows about the function in addition.
	Effects Effect
	// Asks: whoever calls it wants to know the result. It is the name of the option with which that
	// is so, or "*" for always.
	Asks string
	// Untold: its calls are not told to an observer. It finds out nothing that the message does not
	// say, and scripts call it often.
	Untold bool
	// Quits: it may end the script by [Call.Quit].
	Quits bool
	// Call does the work: it reads the arguments from c, pushes results and returns how many it
	// pushed. It runs with the lane's token.
	Call func(c *Call) int
}

// Where says where a function may be called.
type Where uint8

const (
	Anywhere  Where = iota
	AtLoad          // only while the file runs: configure
	InHandler       // only from handlers
)

// Effect is what a function, or the reading of a field, means to the request on its way through a
// script.
type Effect uint8

const (
	// DecidesOnFalse: the function decides only if its first result is false.
	DecidesOnFalse Effect = 1 << iota
	// Forks: if the handler ends without a decision, a response is sent all the same.
	Forks
	// Sends: the request goes to the target that is given.
	Sends
	// Stateless: what is sent keeps no state here, so that later requests need not come here.
	Stateless
	// Ends: where the field is not nil or false, the request is over.
	Ends
	// Vets: it says who sent the request, or whether it is for this server.
	Vets
	// RecordRoutes: later requests of the dialog come through here.
	RecordRoutes
)

// Type is the type of a parameter, result or field, for checks, stubs and the reference.
type Type uint8

const (
	Any Type = iota
	String
	Number
	Integer
	Boolean
	Seconds // a number of seconds; a time.Duration in Go
	Table
	List
	FunctionType
	RequestType  // req
	ResponseType // a response of fork
	URIType      // a uri, or text that is one
	TargetType   // whatever relay takes
	ObjectOf     // an object of a module; Object names its type
	BranchType   // the branch of on_branch
	False        // the value false, in addition to other types
	Nil          // nil, beside other types
)

// String is the type as documentation writes it.
func (t Type) String() string {
	return [...]string{"any", "string", "number", "integer", "boolean", "number", "table", "list",
		"function", "req", "response", "uri", "target", "object", "branch", "false", "nil"}[t]
}

// Param describes one parameter.
type Param struct {
	Name     string   // as documentation calls it; errors count arguments instead
	Type     Type     // what it must be, if it is none of Or
	Or       []Type   // the other types it may be of
	Optional bool     // nil, or nothing, will do
	Default  string   // the value of an optional one that is not given, in words or Lua
	Unit     string   // of a number: "bytes"; Seconds has its own
	OneOf    []string // of a string: the values it may have; nil for any
	Min, Max string   // of a number
	// Check says what is wrong with a string, as the function itself would; nil if it takes any.
	Check    func(text string) error
	Doc      string      // a few words that follow the name: meaning, form, bounds
	Object   *ObjectType // of ObjectOf, of a List's elements, or of a FunctionType's first argument
	Options  any         // of a Table: a value of the struct that Decode fills, or []Option
	Callback string      // of a FunctionType: its signature, "function(res, req)"
	Rest     bool        // this one and all that follow
	// Runs is where the script's function runs, for a FunctionType; Anywhere if unknown.
	Runs Where
	// LeftOut: the next parameter may be in place of this optional one.
	LeftOut bool
	// Sure are types of which every value will do: given one, the function does not fail.
	Sure []Type
	// Event: the name of an event, which determines the arguments of the function after it.
	Event bool
	// Format: a format as for string.format, whose values are the arguments after it. One of type
	// Any is not a format if nothing follows it.
	Format bool
}

// Object is the type of the core's objects that a value of this type is; nil for other types.
func (t Type) Object() *ObjectType {
	switch t {
	case RequestType:
		return requestType
	case ResponseType:
		return responseType
	case URIType:
		return uriType
	case BranchType:
		return branchType
	}
	return nil
}

// Result describes one result. A function that can fail at run time has the results (value or nil,
// error text).
type Result struct {
	Name   string      // "" for the usual: "result", then "err"
	Type   Type        // what it is, if it is none of Or
	Or     []Type      // the other types it may be of
	Doc    string      // a few words: meaning, unit
	Object *ObjectType // of ObjectOf, or of a List's elements
	// Named is the name of the type of ObjectOf, if Object cannot be given because the types refer
	// to each other.
	Named string
	OrNil bool // it may be nil: where nothing was found, or the function failed
	// Variant is what it is instead if an option of the call is true.
	Variant *Variant
}

// Variant is the type of a result if an option of the call is true.
type Variant struct {
	Option string      // the name of the option
	Object *ObjectType // what the result is
}

// Library is what scripts find under one name: "sip", or that of a module.
type Library struct {
	Name      string     // what scripts require; "" for the globals of Lua
	Doc       string     // one sentence: what it is for
	Functions []Function // in the order of the reference
	Fields    []Field    // values beside functions: sip.args
	Events    []Event    // that sip.on can handle
	// Types are the objects that its functions return and take.
	Types []*ObjectType
}
