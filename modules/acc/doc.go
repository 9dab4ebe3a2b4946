// Package acc is the module "acc": records of calls (CDRs) for billing, kept until every
// destination has them.
//
// [Accounts] is an engine.Part. [Accounts.Record] begins the record of the call that a request
// begins; its branches, answer and end are followed from there on. What is made of that is a
// [cdr.Record], which goes into a durable queue (package spool), and from there to files,
// databases and HTTP servers (package sink).
//
// A call is in the queue from its INVITE on, as unfinished, so that it has its record even if the
// process is killed: after a restart it goes on, and the BYE that comes then ends it. A call whose
// end never comes is "lost".
package acc
