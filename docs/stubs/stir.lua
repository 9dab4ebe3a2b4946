---@meta stir
-- Made by `sipscript stubs`. Signs callers' numbers, and verifies them (STIR/SHAKEN).

---@class stir
local stir = {}

---Names our certificate, and the authorities whose certificates are trusted. Files that change are
---read again. Raises if a file can't be read, or the key is not the certificate's. Only while the file
---loads.
---```lua
---stir.configure({ max_age = 60 })
---```
---@param options stir.configure.options
function stir.configure(options) end

---Has everything that is sent for the request signed, as it is sent: an Identity header is added, and
---Date if it has none that is right. A branch is signed at once, so this comes last in on_branch. nil,
---err if the caller or callee has no number or address, and if our certificate has expired or is not
---for the number. Raises without certificate, key and x5u, for an ACK or CANCEL, and for options that
---contradict each other. Only in handlers.
---```lua
----- stir.sign(req, { attest = "A" })
---```
---@param req sip.request|sip.branch the request, or the branch of an on_branch
---@param options? stir.sign.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function stir.sign(req, options) end

---Has everything that is sent for the request say that it was diverted, by whom it was for, to whom it
---is for now (RFC 8946). It does nothing if that is the same. nil, "missing" if nobody signed the
---request; what is there should have been verified. Raises without certificate, key and x5u, and for
---an ACK or CANCEL. Only in handlers.
---```lua
----- req.ruri = "sip:+4930123457@example.com" stir.divert(req)
---```
---@param req sip.request the request
---@param options? stir.divert.options optional
---@return boolean|nil result true
---@return string|nil err why it failed
function stir.divert(req, options) end

---Who vouches for the caller of the request, and how. Waits only for certificates that are not known
---yet. nil, err, code if nobody does whom we trust. Returns table or nil: {orig, dest, attest, origid,
---certificate, diverted}. Then integer or nil: 403, 428, 436, 437 or 438 (RFC 8224 §6.2.2). Raises
---without roots. Only in handlers. Waits. `check` warns where nobody looks at the result.
---```lua
----- local caller, err, code = stir.verify(req)
----- if not caller and code ~= 428 then return req:reply(code) end
---```
---@param req sip.request the request
---@return table|nil result {orig, dest, attest, origid, certificate, diverted}
---@return string|nil err why not; "missing" for 428
---@return integer|nil code 403, 428, 436, 437 or 438 (RFC 8224 §6.2.2)
function stir.verify(req) end

---A uri with the parameter by which phones learn what came of a verification, in place of one that is
---there; without status it has none. Returns string or nil: the uri.
---```lua
---local shown = stir.verstat("sip:+4930123456@example.com;user=phone", "TN-Validation-Passed")
---```
---@param uri sip.uri|string a SIP or tel URI
---@param status? "TN-Validation-Passed"|"TN-Validation-Failed"|"No-TN-Validation" optional
---@return string|nil result the uri
---@return string|nil err why it failed
function stir.verstat(uri, status) end

---@class stir.configure.options
---@field certificate? string our certificate and those that lead to its authority: a file of PEM, or the PEM text itself
---@field key? string its private key: a file of PEM, or the text
---@field x5u? string the https URL where others get the certificate
---@field roots? string|any[]|fun(res: sip.response): boolean the certificates of authorities: files of PEM, or texts; needed to verify
---@field max_age? number by how much Date and iat may differ from now
---@field hosts? string|any[]|fun(res: sip.response): boolean the hosts that certificates are fetched from: "cert.example.org", "*.example.org", "cert.example.org:8444"
---@field authority? boolean false: a certificate may sign for numbers that it does not name (TNAuthList)

---@class stir.sign.options
---@field attest? "A"|"B"|"C" "A": the caller is known and may use the number; "B": is known; "C": came from elsewhere. Without it a token of RFC 8225 is made, which says no more than who calls whom
---@field orig? string who calls: a number or URI
---@field dest? string who is called: a number or URI
---@field origid? string where the call came from, as a UUID
---@field compact? boolean the short form, without attest: whoever verifies takes the rest from From, To and Date

---@class stir.divert.options
---@field dest? string who is called now: a number or URI

return stir
