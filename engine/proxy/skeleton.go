package proxy

import (
	"github.com/sipscript/sipscript/engine/message"
)

// Response is a response as a router sees it: one that came in on a branch, or one made here when a branch had none.
type Response struct{ Handle any }

func (r *Response) Code() int                 { panic("skeleton") }
func (r *Response) Reason() string            { panic("skeleton") }
func (r *Response) Final() bool               { panic("skeleton") }
func (r *Response) Message() *message.Message { panic("skeleton") } // with its edits; one made here has a start line and no more
func (r *Response) Target() *Target           { panic("skeleton") } // what was passed to Relay or Fork; nil when none was

// Cause is "" for a response off the wire, else "timeout", "unreachable", "cancelled", "empty" or "shutdown".
func (r *Response) Cause() string { panic("skeleton") }

// Drop keeps a provisional response from going on (on_response only). Errors: a final one, or a reliable provisional (RSeq).
func (r *Response) Drop() error { panic("skeleton") }

func (r *Response) SetHeader(name string, values ...string) error  { panic("skeleton") }
func (r *Response) AddHeader(name, value string, first bool) error { panic("skeleton") }
func (r *Response) RemoveHeader(name string) error                 { panic("skeleton") }
func (r *Response) SetBody(body []byte, contentType string) error  { panic("skeleton") }

// Branch is what one branch is about to send (on_branch).
type Branch struct{ Handle any }

func (b *Branch) Target() *Target                                { panic("skeleton") }
func (b *Branch) Message() *message.Message                      { panic("skeleton") }
func (b *Branch) SetHeader(name string, values ...string) error  { panic("skeleton") }
func (b *Branch) AddHeader(name, value string, first bool) error { panic("skeleton") }
func (b *Branch) RemoveHeader(name string) error                 { panic("skeleton") }
func (b *Branch) SetBody(body []byte, contentType string) error  { panic("skeleton") }
func (b *Branch) SetRURI(uri string) error                       { panic("skeleton") }
