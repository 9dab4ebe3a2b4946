---@meta jwt
-- Made by `sipscript stubs`. Signs and verifies JSON Web Tokens.

---@class jwt
local jwt = {}

---The claims of a token whose signature, time, and audience are right. nil, err for any other. Returns
---table or nil: the claims. Raises for keys that can't be read. `check` warns where nobody looks at
---the result.
---```lua
---local claims, err = jwt.verify(req:header("X-Token") or "", { keys = "a secret of at least 32 bytes, shared" })
---```
---@param token string
---@param options jwt.verify.options
---@return table|nil result the claims
---@return string|nil err why it failed
function jwt.verify(token, options) end

---A token with these claims. Returns string or nil: the token. Raises for a key that can't be read, or
---does not suit alg.
---```lua
---local token = jwt.sign({ sub = "alice" }, { key = "a secret of at least 32 bytes, shared", ttl = 60 })
---```
---@param claims table as sip.json.encode takes it
---@param options jwt.sign.options
---@return string|nil result the token
---@return string|nil err why it failed
function jwt.sign(claims, options) end

---@class jwt.verify.options
---@field keys any a secret, a public key as PEM, "file:PATH" with one, or a table of these by kid
---@field alg? string|any[]|fun(res: sip.response): boolean the algorithms that are accepted: HS256, RS256, PS256, ES256, EdDSA and their stronger kin
---@field aud? string which aud must name; without it aud is not looked at
---@field iss? string what iss must be; without it iss is not looked at
---@field leeway? number by how much clocks may differ
---@field exp? boolean false: a token without exp is accepted, which is good for ever

---@class jwt.sign.options
---@field key string a secret, a private key as PEM, or "file:PATH" with one
---@field alg? string the algorithm
---@field kid? string the name of the key, in the header
---@field ttl? number sets iat and exp, unless claims has exp, which may be sip.json.null for none

return jwt
