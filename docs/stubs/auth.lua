---@meta auth
-- Made by `sipscript stubs`. Digest authentication, identities, and trust.

---@class auth
local auth = {}

---Sets options, once, while the file loads. Raises if they contradict each other, or the store of
---users cannot be opened. Only while the file loads.
---```lua
---auth.configure({ realm = "example.com", users = { alice = "secret" } })
---```
---@param options auth.configure.options
function auth.configure(options) end

---Says, once, where users are found: a table of passwords, function(user, realm), "file:PATH", the URL
---of a database, or a table {url=, layout=, query=, use_domain=}. Only while the file loads.
---```lua
---auth.users({ alice = "secret", bob = { ha1 = "5ebe2294ecd0e0f08eab7690d2a6ee69" } })
---```
---@param users any values of a table, and results of a function, are a password, {ha1=, algorithm=}, or a list of such
function auth.users(users) end

---The user who sent the request, if the credentials are right and the claimed identity is theirs;
---otherwise false, and the request has been answered 400, 401, 403, 407 or 503: that was its decision.
---An ACK or CANCEL is not answered: false. Returns string or false: the user; false otherwise. Only in
---handlers. Waits. It is the request's decision.
---```lua
---if not auth.require(req) then return end
---```
---@param req sip.request the request
---@param options? auth.require.options optional
---@return string|false result the user; false otherwise
function auth.require(req, options) end

---The same as require, but answers nothing: nil and the reason, which is missing, malformed,
---unsupported, stale, replay, failed, banned, identity or unavailable. Returns string or nil: the
---user. Only in handlers. Waits.
---```lua
---local user, why = auth.check(req)
---```
---@param req sip.request the request
---@param options? auth.check.options optional
---@return string|nil result the user
---@return string|nil err why it failed
function auth.check(req, options) end

---The entry of the option trusted that covers the sender of the request, by address or by client
---certificate; otherwise false. Returns string or false: the entry as it was written; false otherwise.
---Only in handlers. `check` warns where nobody looks at the result.
---```lua
---if not auth.trusted(req) and not auth.require(req) then return end
---```
---@param req sip.request the request
---@return string|false result the entry as it was written; false otherwise
function auth.trusted(req) end

---Answers 401 or 407. Returns boolean: false if the request is over, or an ACK or CANCEL. Only in
---handlers. It is the request's decision.
---```lua
---auth.challenge(req, { stale = true })
---```
---@param req sip.request the request
---@param options? auth.challenge.options optional
---@return boolean result false if the request is over, or an ACK or CANCEL
function auth.challenge(req, options) end

---The check of require, for a user who is known otherwise, such as by a token: the user, if the
---identity that the request claims is theirs; otherwise false, and the request has been answered 403:
---that was its decision. An ACK or CANCEL is not answered: false. Returns string or false: the user;
---false otherwise. Raises for an empty user. Only in handlers. Waits. It is the request's decision.
---```lua
---local claims = jwt.verify(req.source.http and req.source.http.query.token or "", { keys = "secret of the pages, 32 bytes" })
---if not claims then return req:reply(403) end
---if not auth.identify(req, claims.sub) then return end
---```
---@param req sip.request the request
---@param user string who it is
---@param options? auth.identify.options optional
---@return string|false result the user; false otherwise
function auth.identify(req, user, options) end

---Whether an address is that of a user. nil, err: they cannot be looked up at present. Returns boolean
---or nil: whether there is such a user. Only in handlers. Waits.
---```lua
---if auth.exists(req.ruri) == false then return req:reply(404) end
---```
---@param uri sip.uri|string at a local domain
---@return boolean|nil result whether there is such a user
---@return string|nil err why it failed
function auth.exists(uri) end

---Reads a file of users again at once, and drops all that is cached of a database. Returns boolean or
---nil: true, or nil and why the file cannot be read: the users known before remain. Only in handlers.
---Waits.
---```lua
---auth.reload()
---```
---@return boolean|nil result true, or nil and why the file cannot be read: the users known before remain
---@return string|nil err why it failed
function auth.reload() end

---Drops what is cached about a user. Only in handlers.
---```lua
---auth.forget("alice")
---```
---@param user string
function auth.forget(user) end

---@class auth.configure.options
---@field realm? string what clients show, and what password hashes are computed with
---@field algorithms? any "auto": SHA-256 and MD5, and MD5 alone for a client that cannot choose and for users in tables of Kamailio or OpenSIPS; or a list in order of preference, with one challenge each: { "SHA-256", "MD5" } or "SHA-256, MD5"
---@field qop? "auth"|"auth-int"|"none"|("auth"|"auth-int"|"none")[] any of "auth", "auth-int" and "none". "none" accepts clients that do not know qop (RFC 2069); a nonce is then valid for one request
---@field nonce_lifetime? number how long a nonce is valid, in seconds; 10 to 86400
---@field uri? "direct"|"always"|"never" whether the signed uri must name the user and host of the Request-URI. "always"; "never"; or "direct": it may also name this server, or use another of its names, and it is not checked if a proxy in between may have changed the Request-URI: one in trusted, or in --trust-via, whose phones still need passwords. A server with the same --secret needs no listing: its Via proves what the Request-URI was before. It is not checked after the script itself has changed req.ruri
---@field info? "auto"|"always"|"never" whether this server's own 2xx responses carry Authentication-Info: "auto", once half of the nonce's lifetime has passed, to supply the next nonce; "always"; "never"
---@field max_failures? integer wrong passwords for one user from one source before a ban; 0: no limit
---@field max_source_failures? integer wrong passwords for all users from one source before a ban; 0: no limit
---@field window? number seconds in which failures are counted
---@field ban? number how long a ban lasts, in seconds
---@field trusted? string|any[]|fun(res: sip.response): boolean the peers for auth.trusted and identity_headers: addresses, networks, "cert:DOMAIN", and names of lists of acl
---@field cache? number seconds for which a user from a database is not looked up again. A wrong password always causes a new look-up
---@field identity_headers? "any"|"trusted" whose identity headers pass: "any" peer's, or "trusted": those of the peers in trusted only
---@field users? any as for auth.users

---@class auth.require.options
---@field realm? string instead of the configured one
---@field code? integer 401 or 407; default 401 for REGISTER, otherwise 407
---@field password? string that of the user, whoever it is, in place of what users has
---@field ha1? string the hash of user:realm:password, in place of it
---@field identity? any false: any identity may be claimed; function(user, uri): whether this one may

---@class auth.check.options
---@field realm? string instead of the configured one
---@field code? integer 401 or 407; default 401 for REGISTER, otherwise 407
---@field password? string that of the user, whoever it is, in place of what users has
---@field ha1? string the hash of user:realm:password, in place of it
---@field identity? any false: any identity may be claimed; function(user, uri): whether this one may

---@class auth.challenge.options
---@field realm? string instead of the configured one
---@field code? integer 401 or 407; default 401 for REGISTER, otherwise 407
---@field password? string that of the user, whoever it is, in place of what users has
---@field ha1? string the hash of user:realm:password, in place of it
---@field stale? boolean only the nonce was bad: the client does not have to ask its user

---@class auth.identify.options
---@field identity? any false: any identity may be claimed; function(user, uri): whether this one may

return auth
