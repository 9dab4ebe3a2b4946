package message

// This file finds the HeaderID of a header name as it stands in a message.

// longestName is the length of the longest name LookupHeader knows.
const longestName = 25

// LookupHeader names the header written as name, in any case and in its compact form ("v" is Via, RFC 3261 §7.3.3).
func LookupHeader(name []byte) HeaderID {
	var low [longestName]byte
	if len(name) == 0 || len(name) > longestName {
		return HeaderOther
	}
	for i, c := range name {
		low[i] = lowerTable[c]
	}
	if len(name) == 1 {
		return compactForm(low[0])
	}
	return longForm(low[:len(name)])
}

// compactForm names the header of a one-letter name, in lower case.
func compactForm(c byte) HeaderID {
	switch c {
	case 'a':
		return HeaderAcceptContact
	case 'b':
		return HeaderReferredBy
	case 'c':
		return HeaderContentType
	case 'd':
		return HeaderRequestDisposition
	case 'e':
		return HeaderContentEncoding
	case 'f':
		return HeaderFrom
	case 'i':
		return HeaderCallID
	case 'j':
		return HeaderRejectContact
	case 'k':
		return HeaderSupported
	case 'l':
		return HeaderContentLength
	case 'm':
		return HeaderContact
	case 'n':
		return HeaderIdentityInfo
	case 'o':
		return HeaderEvent
	case 'r':
		return HeaderReferTo
	case 's':
		return HeaderSubject
	case 't':
		return HeaderTo
	case 'u':
		return HeaderAllowEvents
	case 'v':
		return HeaderVia
	case 'x':
		return HeaderSessionExpires
	case 'y':
		return HeaderIdentity
	}
	return HeaderOther
}

// longForm names the header of a long name in lower case. The compiler makes of it a jump by length, then a search.
func longForm(low []byte) HeaderID {
	switch string(low) {
	case "via":
		return HeaderVia
	case "from":
		return HeaderFrom
	case "to":
		return HeaderTo
	case "call-id":
		return HeaderCallID
	case "cseq":
		return HeaderCSeq
	case "contact":
		return HeaderContact
	case "max-forwards":
		return HeaderMaxForwards
	case "route":
		return HeaderRoute
	case "record-route":
		return HeaderRecordRoute
	case "path":
		return HeaderPath
	case "service-route":
		return HeaderServiceRoute
	case "content-length":
		return HeaderContentLength
	case "content-type":
		return HeaderContentType
	case "content-encoding":
		return HeaderContentEncoding
	case "expires":
		return HeaderExpires
	case "min-expires":
		return HeaderMinExpires
	case "authorization":
		return HeaderAuthorization
	case "proxy-authorization":
		return HeaderProxyAuthorization
	case "www-authenticate":
		return HeaderWWWAuthenticate
	case "proxy-authenticate":
		return HeaderProxyAuthenticate
	case "authentication-info":
		return HeaderAuthenticationInfo
	case "proxy-authentication-info":
		return HeaderProxyAuthenticationInfo
	case "require":
		return HeaderRequire
	case "proxy-require":
		return HeaderProxyRequire
	case "supported":
		return HeaderSupported
	case "unsupported":
		return HeaderUnsupported
	case "allow":
		return HeaderAllow
	case "user-agent":
		return HeaderUserAgent
	case "server":
		return HeaderServer
	case "reason":
		return HeaderReason
	case "date":
		return HeaderDate
	case "event":
		return HeaderEvent
	case "retry-after":
		return HeaderRetryAfter
	case "max-breadth":
		return HeaderMaxBreadth
	case "rseq":
		return HeaderRSeq
	case "accept":
		return HeaderAccept
	case "accept-contact":
		return HeaderAcceptContact
	case "accept-encoding":
		return HeaderAcceptEncoding
	case "accept-language":
		return HeaderAcceptLanguage
	case "accept-resource-priority":
		return HeaderAcceptResourcePriority
	case "alert-info":
		return HeaderAlertInfo
	case "allow-events":
		return HeaderAllowEvents
	case "call-info":
		return HeaderCallInfo
	case "content-disposition":
		return HeaderContentDisposition
	case "content-language":
		return HeaderContentLanguage
	case "diversion":
		return HeaderDiversion
	case "error-info":
		return HeaderErrorInfo
	case "feature-caps":
		return HeaderFeatureCaps
	case "flow-timer":
		return HeaderFlowTimer
	case "geolocation":
		return HeaderGeolocation
	case "history-info":
		return HeaderHistoryInfo
	case "identity":
		return HeaderIdentity
	case "identity-info":
		return HeaderIdentityInfo
	case "in-reply-to":
		return HeaderInReplyTo
	case "info-package":
		return HeaderInfoPackage
	case "join":
		return HeaderJoin
	case "mime-version":
		return HeaderMIMEVersion
	case "min-se":
		return HeaderMinSE
	case "organization":
		return HeaderOrganization
	case "p-access-network-info":
		return HeaderPAccessNetworkInfo
	case "p-asserted-identity":
		return HeaderPAssertedIdentity
	case "p-associated-uri":
		return HeaderPAssociatedURI
	case "p-called-party-id":
		return HeaderPCalledPartyID
	case "p-charging-vector":
		return HeaderPChargingVector
	case "p-preferred-identity":
		return HeaderPPreferredIdentity
	case "p-visited-network-id":
		return HeaderPVisitedNetworkID
	case "priority":
		return HeaderPriority
	case "privacy":
		return HeaderPrivacy
	case "rack":
		return HeaderRAck
	case "recv-info":
		return HeaderRecvInfo
	case "refer-sub":
		return HeaderReferSub
	case "refer-to":
		return HeaderReferTo
	case "referred-by":
		return HeaderReferredBy
	case "reject-contact":
		return HeaderRejectContact
	case "remote-party-id":
		return HeaderRemotePartyID
	case "replaces":
		return HeaderReplaces
	case "reply-to":
		return HeaderReplyTo
	case "request-disposition":
		return HeaderRequestDisposition
	case "resource-priority":
		return HeaderResourcePriority
	case "sip-etag":
		return HeaderSIPETag
	case "sip-if-match":
		return HeaderSIPIfMatch
	case "security-client":
		return HeaderSecurityClient
	case "security-server":
		return HeaderSecurityServer
	case "security-verify":
		return HeaderSecurityVerify
	case "session-expires":
		return HeaderSessionExpires
	case "subject":
		return HeaderSubject
	case "subscription-state":
		return HeaderSubscriptionState
	case "target-dialog":
		return HeaderTargetDialog
	case "timestamp":
		return HeaderTimestamp
	case "user-to-user":
		return HeaderUserToUser
	case "warning":
		return HeaderWarning
	}
	return HeaderOther
}
