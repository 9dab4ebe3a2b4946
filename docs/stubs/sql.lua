---@meta sql
-- Made by `sipscript stubs`. Databases: SQLite, PostgreSQL, MySQL and MariaDB.

---What sql.open returns. Queries are written with "?" for each parameter, whatever the database.
---@class sql.database
local sql_database = {}

---All rows that a query finds, 10000 at most, each a table by column. NULL is nil. Returns list or
---nil: of tables. Waits.
---```lua
---local x, err = db:rows("SELECT uri, q FROM targets WHERE name = ? ORDER BY q DESC", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return any[]|nil result of tables
---@return string|nil err why it failed
function sql_database:rows(query, ...) end

---The first row that a query finds, a table by column; nil alone where it finds none. Waits.
---```lua
---local x, err = db:row("SELECT uri, q FROM targets WHERE name = ?", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return table|nil result 
---@return string|nil err why it failed
function sql_database:row(query, ...) end

---The first column of the first row that a query finds; nil alone where it finds none. Waits.
---```lua
---local x, err = db:value("SELECT count(*) FROM targets WHERE name = ?", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return any|nil result 
---@return string|nil err why it failed
function sql_database:value(query, ...) end

---Changes something. Returns integer or nil: how many rows were changed. Waits.
---```lua
---local x, err = db:exec("UPDATE targets SET q = ? WHERE name = ?", 0.5, "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return integer|nil result how many rows were changed
---@return string|nil err why it failed
function sql_database:exec(query, ...) end

---Calls fn with a transaction, commits when it ends, and returns what it returned. It is undone if fn
---raises, which goes on, if fn returns nil and an error, and after 30 s. Nothing is tried again by
---itself. Returns any or nil: what fn returned; nil, err where it failed. Waits.
---```lua
---db:transaction(function(tx)
---  tx:exec("UPDATE accounts SET credit = credit - ? WHERE name = ?", 1, "alice")
---end)
---```
---@param fn fun(tx: any): ...any 
---@return any|nil result what fn returned; nil, err where it failed
function sql_database:transaction(fn) end

---@class sql
local sql = {}

---A database by its URL: "sqlite:PATH", "postgres://user:password@host/name" or
---"mysql://user:password@host/name". It connects with the first query. Connections survive reloads.
---Raises for a URL of another kind, and a SQLite file that is not there. Only while the file loads.
---```lua
---local db = sql.open("postgres://sip@127.0.0.1/pbx", { timeout = 2 })
---```
---@param url string of the database
---@param options? sql.open.options optional
---@return sql.database result 
function sql.open(url, options) end

---@class sql.open.options
---@field pool? integer connections at most; who opens a database first decides for all
---@field timeout? number of one query
---@field create? boolean make a SQLite database that is not there

return sql
