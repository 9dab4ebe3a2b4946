package message

// This file names the request methods.

// Method is a request method known to the engine, or MethodOther for an extension method, whose
// text is [Message.MethodText]. Method names are case-sensitive (RFC 3261 §7.1).
type Method uint8

const (
	MethodOther Method = iota
	MethodInvite
	MethodAck
	MethodBye
	MethodCancel
	MethodRegister
	MethodOptions
	MethodPrack
	MethodSubscribe
	MethodNotify
	MethodPublish
	MethodInfo
	MethodRefer
	MethodMessage
	MethodUpdate
)

// ParseMethod names the method written as text, MethodOther when it is none of those above.
func ParseMethod(text []byte) Method {
	switch string(text) {
	case "INVITE":
		return MethodInvite
	case "ACK":
		return MethodAck
	case "BYE":
		return MethodBye
	case "CANCEL":
		return MethodCancel
	case "REGISTER":
		return MethodRegister
	case "OPTIONS":
		return MethodOptions
	case "PRACK":
		return MethodPrack
	case "SUBSCRIBE":
		return MethodSubscribe
	case "NOTIFY":
		return MethodNotify
	case "PUBLISH":
		return MethodPublish
	case "INFO":
		return MethodInfo
	case "REFER":
		return MethodRefer
	case "MESSAGE":
		return MethodMessage
	case "UPDATE":
		return MethodUpdate
	}
	return MethodOther
}

// String is the method's name as it is in a request, or "" for MethodOther.
func (m Method) String() string {
	switch m {
	case MethodInvite:
		return "INVITE"
	case MethodAck:
		return "ACK"
	case MethodBye:
		return "BYE"
	case MethodCancel:
		return "CANCEL"
	case MethodRegister:
		return "REGISTER"
	case MethodOptions:
		return "OPTIONS"
	case MethodPrack:
		return "PRACK"
	case MethodSubscribe:
		return "SUBSCRIBE"
	case MethodNotify:
		return "NOTIFY"
	case MethodPublish:
		return "PUBLISH"
	case MethodInfo:
		return "INFO"
	case MethodRefer:
		return "REFER"
	case MethodMessage:
		return "MESSAGE"
	case MethodUpdate:
		return "UPDATE"
	}
	return ""
}
