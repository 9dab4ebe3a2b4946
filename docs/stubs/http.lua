---@meta http
-- Made by `sipscript stubs`. Asks HTTP servers, and answers requests on --http.

---What an HTTP server answered.
---@class http.answer
---@field status integer 200, 404 …
---@field headers table by name in lower case; of several the values are joined by commas
---@field body string any bytes
local http_answer = {}

---The value of a body that is JSON; nil, err for another. Returns any or nil: as of sip.json.decode.
---```lua
---local res = http.get("http://127.0.0.1:8080/", { timeout = 0.1 })
---local value = res and res:json()
---```
---@return any|nil result as of sip.json.decode
---@return string|nil err
function http_answer:json() end

---A request to the script's HTTP port.
---@class http.hreq
---@field method string GET, POST …
---@field path string without the query
---@field target string the path with the query, as they came
---@field params table what stood for the names in braces of the pattern
---@field query table the parameters after "?", the first of each name
---@field headers table by name in lower case
---@field body string any bytes
---@field source table {ip, port} of the client
local http_hreq = {}

---The value of a body that is JSON; nil, err for another. Returns any or nil: as of sip.json.decode.
---```lua
---http.handle("PUT /x", function(hreq)
---  return { json = hreq:json() }
---end)
---```
---@return any|nil result as of sip.json.decode
---@return string|nil err
function http_hreq:json() end

---@class http
local http = {}

---Sets options, once, while the file loads. Only while the file loads.
---```lua
---http.configure({ tokens = { sip.env("API_TOKEN") or "a long secret" } })
---```
---@param options http.configure.options
function http.configure(options) end

---Requests a URL. nil, err if there was no answer: the server is unavailable or too slow, or the
---answer too large. Returns answer or nil: whatever its status is. Waits.
---```lua
---local res, err = http.get("http://127.0.0.1:8080/route", { query = { to = req.ruri.user }, timeout = 1 })
---```
---@param url string http://… or https://…
---@param options? http.get.options optional
---@return http.answer|nil result whatever its status is
---@return string|nil err why it failed
function http.get(url, options) end

---Sends a body: text, or what options have as json or form. Returns answer or nil: whatever its status
---is. Waits.
---```lua
---local res, err = http.post("http://127.0.0.1:8080/calls", nil, { json = { from = req.from.uri.aor } })
---```
---@param url string http://… or https://…
---@param body? string optional
---@param options? http.post.options optional
---@return http.answer|nil result whatever its status is
---@return string|nil err why it failed
function http.post(url, body, options) end

---Sends a request of any method. Returns answer or nil: whatever its status is. Waits.
---```lua
---local res, err = http.request({ method = "DELETE", url = "http://127.0.0.1:8080/calls/7" })
---```
---@param request http.request.request
---@return http.answer|nil result whatever its status is
---@return string|nil err why it failed
function http.request(request) end

---Answers requests on --http by a function. The pattern is a method and a path, in which {name} stands
---for one part and {name...} for the rest. The function runs on a lane of the module's choice and may
---wait; a client that leaves cancels nothing. Raises for a pattern that another one contradicts, and
---auth = "bearer" without tokens. Only while the file loads.
---```lua
---http.handle("POST /calls/{user}", function(hreq)
---  return { status = 202, json = { user = hreq.params.user, text = hreq.body } }
---end)
---```
---@param pattern string "POST /calls/{id}"
---@param options http.handle.options|function may be left out: then the function stands here
---@param fn? fun(hreq: http.hreq): ...any returns {status=, headers=, body= | json=}, or nothing for 204; optional
---@overload fun(pattern: string, fn?: fun(hreq: http.hreq): ...any)
function http.handle(pattern, options, fn) end

---@class http.configure.options
---@field tokens? string|any[]|fun(res: sip.response): boolean the tokens that handlers with auth = "bearer" accept

---@class http.get.options
---@field headers? table {Name = text | list}
---@field query? table {name = text}, added to the URL, escaped as it must be
---@field timeout? number of the whole exchange, retries included
---@field auth? http.get.options.auth {user=, password=} or {bearer=}
---@field tls? http.get.options.tls for https
---@field retries? integer how often a request that failed, or was answered 502, 503 or 504, is sent again; only for methods that are idempotent
---@field redirects? integer how many are followed; never from https to http
---@field max_body? integer bytes that an answer may have

---@class http.post.options
---@field headers? table {Name = text | list}
---@field query? table {name = text}, added to the URL, escaped as it must be
---@field timeout? number of the whole exchange, retries included
---@field auth? http.post.options.auth {user=, password=} or {bearer=}
---@field tls? http.post.options.tls for https
---@field retries? integer how often a request that failed, or was answered 502, 503 or 504, is sent again; only for methods that are idempotent
---@field redirects? integer how many are followed; never from https to http
---@field max_body? integer bytes that an answer may have
---@field json? any a value that is sent as JSON
---@field form? table {name = text}, sent as a form
---@field body? string text or any bytes
---@field content_type? string of body

---@class http.request.request
---@field headers? table {Name = text | list}
---@field query? table {name = text}, added to the URL, escaped as it must be
---@field timeout? number of the whole exchange, retries included
---@field auth? http.request.request.auth {user=, password=} or {bearer=}
---@field tls? http.request.request.tls for https
---@field retries? integer how often a request that failed, or was answered 502, 503 or 504, is sent again; only for methods that are idempotent
---@field redirects? integer how many are followed; never from https to http
---@field max_body? integer bytes that an answer may have
---@field json? any a value that is sent as JSON
---@field form? table {name = text}, sent as a form
---@field body? string text or any bytes
---@field content_type? string of body
---@field method? string in capitals
---@field url string

---@class http.handle.options
---@field auth? "bearer"|function "bearer": with one of the tokens of configure; function(hreq): whether it may, true or false

---@class http.get.options.auth
---@field user? string
---@field password? string
---@field bearer? string a token

---@class http.get.options.tls
---@field ca? string a file of the authorities to believe
---@field cert? string a file with the certificate to show
---@field key? string the file of its key
---@field server_name? string the name that the server's certificate must have

---@class http.post.options.auth
---@field user? string
---@field password? string
---@field bearer? string a token

---@class http.post.options.tls
---@field ca? string a file of the authorities to believe
---@field cert? string a file with the certificate to show
---@field key? string the file of its key
---@field server_name? string the name that the server's certificate must have

---@class http.request.request.auth
---@field user? string
---@field password? string
---@field bearer? string a token

---@class http.request.request.tls
---@field ca? string a file of the authorities to believe
---@field cert? string a file with the certificate to show
---@field key? string the file of its key
---@field server_name? string the name that the server's certificate must have

return http
