package luabind

// Function is a function of a module, or a method of an object type, as scripts see it.
type Function struct {
	Name    string
	Doc     string // one or two sentences: meaning, units, errors
	Params  []Param
	Results []Result
	// Waits: the function may lend the lane. It is refused at file level.
	Waits bool
	Where Where
	// Call does the work: it reads the arguments from c, pushes results and returns how many it pushed. It runs with the lane's token.
	Call func(c *Call) int
}

// Where says where a function may be called.
type Where uint8

const (
	Anywhere  Where = iota
	AtLoad          // only while the file runs: configure
	InHandler       // only from handlers
)

// Type is the type of a parameter or result, for checks, stubs and the reference.
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
	ObjectOf     // an object of a module; Param.Object names its type
	BranchType   // the branch of on_branch
)

// String is the type as documentation writes it.
func (t Type) String() string {
	return [...]string{"any", "string", "number", "integer", "boolean", "number", "table", "list", "function", "req", "response", "uri", "target", "object", "branch"}[t]
}

// Param describes one parameter.
type Param struct {
	Name     string
	Type     Type
	Optional bool
	Doc      string
	Object   *ObjectType // of ObjectOf, or of a List's elements
	Options  any         // of a Table: a value of the struct that Decode fills
	Rest     bool        // this one and all that follow
}

// Result describes one result. A function that can fail at run time has the results (value or nil, error text).
type Result struct {
	Type   Type
	Doc    string
	Object *ObjectType
	OrNil  bool
}
