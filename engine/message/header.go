package message

// This file names the header fields the engine knows, and says of each how it may be in a message.

// HeaderID names a header field the engine knows, in any case and in its compact form. HeaderOther
// is every other name.
type HeaderID uint8

const (
	HeaderOther HeaderID = iota
	HeaderVia
	HeaderFrom
	HeaderTo
	HeaderCallID
	HeaderCSeq
	HeaderContact
	HeaderMaxForwards
	HeaderRoute
	HeaderRecordRoute
	HeaderPath
	HeaderServiceRoute
	HeaderContentLength
	HeaderContentType
	HeaderContentEncoding
	HeaderExpires
	HeaderMinExpires
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderAuthenticationInfo
	HeaderProxyAuthenticationInfo
	HeaderRequire
	HeaderProxyRequire
	HeaderSupported
	HeaderUnsupported
	HeaderAllow
	HeaderUserAgent
	HeaderServer
	HeaderReason
	HeaderDate
	HeaderEvent
	HeaderRetryAfter
	HeaderMaxBreadth
	HeaderRSeq
	HeaderAccept
	HeaderAcceptContact
	HeaderAcceptEncoding
	HeaderAcceptLanguage
	HeaderAcceptResourcePriority
	HeaderAlertInfo
	HeaderAllowEvents
	HeaderCallInfo
	HeaderContentDisposition
	HeaderContentLanguage
	HeaderDiversion
	HeaderErrorInfo
	HeaderFeatureCaps
	HeaderFlowTimer
	HeaderGeolocation
	HeaderHistoryInfo
	HeaderIdentity
	HeaderIdentityInfo
	HeaderInReplyTo
	HeaderInfoPackage
	HeaderJoin
	HeaderMIMEVersion
	HeaderMinSE
	HeaderOrganization
	HeaderPAccessNetworkInfo
	HeaderPAssertedIdentity
	HeaderPAssociatedURI
	HeaderPCalledPartyID
	HeaderPChargingVector
	HeaderPPreferredIdentity
	HeaderPVisitedNetworkID
	HeaderPriority
	HeaderPrivacy
	HeaderRAck
	HeaderRecvInfo
	HeaderReferSub
	HeaderReferTo
	HeaderReferredBy
	HeaderRejectContact
	HeaderRemotePartyID
	HeaderReplaces
	HeaderReplyTo
	HeaderRequestDisposition
	HeaderResourcePriority
	HeaderSIPETag
	HeaderSIPIfMatch
	HeaderSecurityClient
	HeaderSecurityServer
	HeaderSecurityVerify
	HeaderSessionExpires
	HeaderSubject
	HeaderSubscriptionState
	HeaderTargetDialog
	HeaderTimestamp
	HeaderUserToUser
	HeaderWarning

	headerCount // one past the last
)

// headerForm is what the grammar specifies for a header field.
type headerForm uint8

const (
	formList   headerForm = 1 << iota // 1#element: one field may carry several (RFC 3261 §7.3.1)
	formSingle                        // may occur only once in a message
)

// headerTable has each header's names and form. It is never written.
//
// The authentication headers are neither: several may be in a message, yet the commas in one
// separate its parameters (§7.3.1). Identity may be repeated, not combined (RFC 8224 §4).
var headerTable = [headerCount]struct {
	name    string
	compact byte // its one-letter name (§7.3.3), 0: none
	form    headerForm
}{
	HeaderVia:                     {"Via", 'v', formList},
	HeaderFrom:                    {"From", 'f', formSingle},
	HeaderTo:                      {"To", 't', formSingle},
	HeaderCallID:                  {"Call-ID", 'i', formSingle},
	HeaderCSeq:                    {"CSeq", 0, formSingle},
	HeaderContact:                 {"Contact", 'm', formList},
	HeaderMaxForwards:             {"Max-Forwards", 0, formSingle},
	HeaderRoute:                   {"Route", 0, formList},
	HeaderRecordRoute:             {"Record-Route", 0, formList},
	HeaderPath:                    {"Path", 0, formList},
	HeaderServiceRoute:            {"Service-Route", 0, formList},
	HeaderContentLength:           {"Content-Length", 'l', formSingle},
	HeaderContentType:             {"Content-Type", 'c', formSingle},
	HeaderContentEncoding:         {"Content-Encoding", 'e', formList},
	HeaderExpires:                 {"Expires", 0, formSingle},
	HeaderMinExpires:              {"Min-Expires", 0, formSingle},
	HeaderAuthorization:           {"Authorization", 0, 0},
	HeaderProxyAuthorization:      {"Proxy-Authorization", 0, 0},
	HeaderWWWAuthenticate:         {"WWW-Authenticate", 0, 0},
	HeaderProxyAuthenticate:       {"Proxy-Authenticate", 0, 0},
	HeaderAuthenticationInfo:      {"Authentication-Info", 0, formSingle},
	HeaderProxyAuthenticationInfo: {"Proxy-Authentication-Info", 0, formSingle},
	HeaderRequire:                 {"Require", 0, formList},
	HeaderProxyRequire:            {"Proxy-Require", 0, formList},
	HeaderSupported:               {"Supported", 'k', formList},
	HeaderUnsupported:             {"Unsupported", 0, formList},
	HeaderAllow:                   {"Allow", 0, formList},
	HeaderUserAgent:               {"User-Agent", 0, formSingle},
	HeaderServer:                  {"Server", 0, formSingle},
	HeaderReason:                  {"Reason", 0, formList},
	HeaderDate:                    {"Date", 0, formSingle},
	HeaderEvent:                   {"Event", 'o', formSingle},
	HeaderRetryAfter:              {"Retry-After", 0, formSingle},
	HeaderMaxBreadth:              {"Max-Breadth", 0, formSingle},
	HeaderRSeq:                    {"RSeq", 0, formSingle},
	HeaderAccept:                  {"Accept", 0, formList},
	HeaderAcceptContact:           {"Accept-Contact", 'a', formList},
	HeaderAcceptEncoding:          {"Accept-Encoding", 0, formList},
	HeaderAcceptLanguage:          {"Accept-Language", 0, formList},
	HeaderAcceptResourcePriority:  {"Accept-Resource-Priority", 0, formList},
	HeaderAlertInfo:               {"Alert-Info", 0, formList},
	HeaderAllowEvents:             {"Allow-Events", 'u', formList},
	HeaderCallInfo:                {"Call-Info", 0, formList},
	HeaderContentDisposition:      {"Content-Disposition", 0, formSingle},
	HeaderContentLanguage:         {"Content-Language", 0, formList},
	HeaderDiversion:               {"Diversion", 0, formList},
	HeaderErrorInfo:               {"Error-Info", 0, formList},
	HeaderFeatureCaps:             {"Feature-Caps", 0, formList},
	HeaderFlowTimer:               {"Flow-Timer", 0, formSingle},
	HeaderGeolocation:             {"Geolocation", 0, formList},
	HeaderHistoryInfo:             {"History-Info", 0, formList},
	HeaderIdentity:                {"Identity", 'y', 0},
	HeaderIdentityInfo:            {"Identity-Info", 'n', formSingle},
	HeaderInReplyTo:               {"In-Reply-To", 0, formList},
	HeaderInfoPackage:             {"Info-Package", 0, formSingle},
	HeaderJoin:                    {"Join", 0, formSingle},
	HeaderMIMEVersion:             {"MIME-Version", 0, formSingle},
	HeaderMinSE:                   {"Min-SE", 0, formSingle},
	HeaderOrganization:            {"Organization", 0, formSingle},
	HeaderPAccessNetworkInfo:      {"P-Access-Network-Info", 0, formList},
	HeaderPAssertedIdentity:       {"P-Asserted-Identity", 0, formList},
	HeaderPAssociatedURI:          {"P-Associated-URI", 0, formList},
	HeaderPCalledPartyID:          {"P-Called-Party-ID", 0, formSingle},
	HeaderPChargingVector:         {"P-Charging-Vector", 0, formSingle},
	HeaderPPreferredIdentity:      {"P-Preferred-Identity", 0, formList},
	HeaderPVisitedNetworkID:       {"P-Visited-Network-ID", 0, formList},
	HeaderPriority:                {"Priority", 0, formSingle},
	HeaderPrivacy:                 {"Privacy", 0, 0},
	HeaderRAck:                    {"RAck", 0, formSingle},
	HeaderRecvInfo:                {"Recv-Info", 0, formList},
	HeaderReferSub:                {"Refer-Sub", 0, formSingle},
	HeaderReferTo:                 {"Refer-To", 'r', formSingle},
	HeaderReferredBy:              {"Referred-By", 'b', formSingle},
	HeaderRejectContact:           {"Reject-Contact", 'j', formList},
	HeaderRemotePartyID:           {"Remote-Party-ID", 0, formList},
	HeaderReplaces:                {"Replaces", 0, formSingle},
	HeaderReplyTo:                 {"Reply-To", 0, formSingle},
	HeaderRequestDisposition:      {"Request-Disposition", 'd', formList},
	HeaderResourcePriority:        {"Resource-Priority", 0, formList},
	HeaderSIPETag:                 {"SIP-ETag", 0, formSingle},
	HeaderSIPIfMatch:              {"SIP-If-Match", 0, formSingle},
	HeaderSecurityClient:          {"Security-Client", 0, formList},
	HeaderSecurityServer:          {"Security-Server", 0, formList},
	HeaderSecurityVerify:          {"Security-Verify", 0, formList},
	HeaderSessionExpires:          {"Session-Expires", 'x', formSingle},
	HeaderSubject:                 {"Subject", 's', formSingle},
	HeaderSubscriptionState:       {"Subscription-State", 0, formSingle},
	HeaderTargetDialog:            {"Target-Dialog", 0, formSingle},
	HeaderTimestamp:               {"Timestamp", 0, formSingle},
	HeaderUserToUser:              {"User-to-User", 0, formList},
	HeaderWarning:                 {"Warning", 0, formList},
}

// String is the canonical long name, "" for HeaderOther.
func (h HeaderID) String() string {
	if h >= headerCount {
		return ""
	}
	return headerTable[h].name
}

// IsList reports whether the header's ABNF is 1#element, so that one field may contain several
// elements, separated by commas.
func (h HeaderID) IsList() bool { return h < headerCount && headerTable[h].form&formList != 0 }

// Single reports whether the header may occur only once in a message.
func (h HeaderID) Single() bool { return h < headerCount && headerTable[h].form&formSingle != 0 }
