package message

// This file names the header fields the engine knows, and says of each how it may stand in a message.

// HeaderID names a header field the engine knows, in any case and in its compact form. HeaderOther is every other name.
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

// headerForm is what the grammar says of a header field.
type headerForm uint8

const (
	formList   headerForm = 1 << iota // 1#element: one field may carry several (RFC 3261 §7.3.1)
	formSingle                        // may stand only once in a message
)

// headerTable has each header's canonical name and form. It is never written.
//
// The authentication headers are neither: several may stand in a message, yet the commas in one separate its
// parameters (§7.3.1). Identity may be repeated, not combined (RFC 8224 §4).
var headerTable = [headerCount]struct {
	name string
	form headerForm
}{
	HeaderVia:                     {"Via", formList},
	HeaderFrom:                    {"From", formSingle},
	HeaderTo:                      {"To", formSingle},
	HeaderCallID:                  {"Call-ID", formSingle},
	HeaderCSeq:                    {"CSeq", formSingle},
	HeaderContact:                 {"Contact", formList},
	HeaderMaxForwards:             {"Max-Forwards", formSingle},
	HeaderRoute:                   {"Route", formList},
	HeaderRecordRoute:             {"Record-Route", formList},
	HeaderPath:                    {"Path", formList},
	HeaderServiceRoute:            {"Service-Route", formList},
	HeaderContentLength:           {"Content-Length", formSingle},
	HeaderContentType:             {"Content-Type", formSingle},
	HeaderContentEncoding:         {"Content-Encoding", formList},
	HeaderExpires:                 {"Expires", formSingle},
	HeaderMinExpires:              {"Min-Expires", formSingle},
	HeaderAuthorization:           {"Authorization", 0},
	HeaderProxyAuthorization:      {"Proxy-Authorization", 0},
	HeaderWWWAuthenticate:         {"WWW-Authenticate", 0},
	HeaderProxyAuthenticate:       {"Proxy-Authenticate", 0},
	HeaderAuthenticationInfo:      {"Authentication-Info", formSingle},
	HeaderProxyAuthenticationInfo: {"Proxy-Authentication-Info", formSingle},
	HeaderRequire:                 {"Require", formList},
	HeaderProxyRequire:            {"Proxy-Require", formList},
	HeaderSupported:               {"Supported", formList},
	HeaderUnsupported:             {"Unsupported", formList},
	HeaderAllow:                   {"Allow", formList},
	HeaderUserAgent:               {"User-Agent", formSingle},
	HeaderServer:                  {"Server", formSingle},
	HeaderReason:                  {"Reason", formList},
	HeaderDate:                    {"Date", formSingle},
	HeaderEvent:                   {"Event", formSingle},
	HeaderRetryAfter:              {"Retry-After", formSingle},
	HeaderMaxBreadth:              {"Max-Breadth", formSingle},
	HeaderRSeq:                    {"RSeq", formSingle},
	HeaderAccept:                  {"Accept", formList},
	HeaderAcceptContact:           {"Accept-Contact", formList},
	HeaderAcceptEncoding:          {"Accept-Encoding", formList},
	HeaderAcceptLanguage:          {"Accept-Language", formList},
	HeaderAcceptResourcePriority:  {"Accept-Resource-Priority", formList},
	HeaderAlertInfo:               {"Alert-Info", formList},
	HeaderAllowEvents:             {"Allow-Events", formList},
	HeaderCallInfo:                {"Call-Info", formList},
	HeaderContentDisposition:      {"Content-Disposition", formSingle},
	HeaderContentLanguage:         {"Content-Language", formList},
	HeaderDiversion:               {"Diversion", formList},
	HeaderErrorInfo:               {"Error-Info", formList},
	HeaderFeatureCaps:             {"Feature-Caps", formList},
	HeaderFlowTimer:               {"Flow-Timer", formSingle},
	HeaderGeolocation:             {"Geolocation", formList},
	HeaderHistoryInfo:             {"History-Info", formList},
	HeaderIdentity:                {"Identity", 0},
	HeaderIdentityInfo:            {"Identity-Info", formSingle},
	HeaderInReplyTo:               {"In-Reply-To", formList},
	HeaderInfoPackage:             {"Info-Package", formSingle},
	HeaderJoin:                    {"Join", formSingle},
	HeaderMIMEVersion:             {"MIME-Version", formSingle},
	HeaderMinSE:                   {"Min-SE", formSingle},
	HeaderOrganization:            {"Organization", formSingle},
	HeaderPAccessNetworkInfo:      {"P-Access-Network-Info", formList},
	HeaderPAssertedIdentity:       {"P-Asserted-Identity", formList},
	HeaderPAssociatedURI:          {"P-Associated-URI", formList},
	HeaderPCalledPartyID:          {"P-Called-Party-ID", formSingle},
	HeaderPChargingVector:         {"P-Charging-Vector", formSingle},
	HeaderPPreferredIdentity:      {"P-Preferred-Identity", formList},
	HeaderPVisitedNetworkID:       {"P-Visited-Network-ID", formList},
	HeaderPriority:                {"Priority", formSingle},
	HeaderPrivacy:                 {"Privacy", 0},
	HeaderRAck:                    {"RAck", formSingle},
	HeaderRecvInfo:                {"Recv-Info", formList},
	HeaderReferSub:                {"Refer-Sub", formSingle},
	HeaderReferTo:                 {"Refer-To", formSingle},
	HeaderReferredBy:              {"Referred-By", formSingle},
	HeaderRejectContact:           {"Reject-Contact", formList},
	HeaderRemotePartyID:           {"Remote-Party-ID", formList},
	HeaderReplaces:                {"Replaces", formSingle},
	HeaderReplyTo:                 {"Reply-To", formSingle},
	HeaderRequestDisposition:      {"Request-Disposition", formList},
	HeaderResourcePriority:        {"Resource-Priority", formList},
	HeaderSIPETag:                 {"SIP-ETag", formSingle},
	HeaderSIPIfMatch:              {"SIP-If-Match", formSingle},
	HeaderSecurityClient:          {"Security-Client", formList},
	HeaderSecurityServer:          {"Security-Server", formList},
	HeaderSecurityVerify:          {"Security-Verify", formList},
	HeaderSessionExpires:          {"Session-Expires", formSingle},
	HeaderSubject:                 {"Subject", formSingle},
	HeaderSubscriptionState:       {"Subscription-State", formSingle},
	HeaderTargetDialog:            {"Target-Dialog", formSingle},
	HeaderTimestamp:               {"Timestamp", formSingle},
	HeaderUserToUser:              {"User-to-User", formList},
	HeaderWarning:                 {"Warning", formList},
}

// String is the canonical long name, "" for HeaderOther.
func (h HeaderID) String() string {
	if h >= headerCount {
		return ""
	}
	return headerTable[h].name
}

// IsList tells whether the header's ABNF is 1#element, so that one field may carry several, separated by commas.
func (h HeaderID) IsList() bool { return h < headerCount && headerTable[h].form&formList != 0 }

// Single tells whether the header may stand only once in a message.
func (h HeaderID) Single() bool { return h < headerCount && headerTable[h].form&formSingle != 0 }
