---@meta sql
-- Made by `sipscript stubs`. Databases: SQLite, PostgreSQL, MySQL and MariaDB.

---The result of sql.open. Queries are written with "?" for each parameter, whatever the database.
---@class sql.database
local sql_database = {}

---All rows that a query finds, at most 10000, each a table by column. NULL is nil. Returns list or
---nil: of tables. Waits.
---```lua
---local x, err = db:rows("SELECT uri, q FROM targets WHERE name = ? ORDER BY q DESC", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return any[]|nil result of tables
---@return string|nil err why it failed
function sql_database:rows(query, ...) end

---The first row that a query finds, a table by column; a single nil if it finds none. Waits.
---```lua
---local x, err = db:row("SELECT uri, q FROM targets WHERE name = ?", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return table|nil result
---@return string|nil err why it failed
function sql_database:row(query, ...) end

---The first column of the first row that a query finds; a single nil if it finds none. Waits.
---```lua
---local x, err = db:value("SELECT count(*) FROM targets WHERE name = ?", "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return any|nil result
---@return string|nil err why it failed
function sql_database:value(query, ...) end

---Changes something. Returns integer or nil: the number of changed rows. Waits.
---```lua
---local x, err = db:exec("UPDATE targets SET q = ? WHERE name = ?", 0.5, "alice")
---```
---@param query string with "?" for each parameter
---@param ... any a string, a number, a boolean, nil or a uri
---@return integer|nil result the number of changed rows
---@return string|nil err why it failed
function sql_database:exec(query, ...) end

---Calls fn with a transaction, commits when fn ends, and returns fn's results. It is rolled back if fn
---raises an error, which is passed on, if fn returns nil and an error, and after 30 s. Nothing is
---retried automatically. Returns any or nil: what fn returned; nil, err if it failed. Waits.
---```lua
---db:transaction(function(tx)
---  tx:exec("UPDATE accounts SET credit = credit - ? WHERE name = ?", 1, "alice")
---end)
---```
---@param fn fun(tx: any): ...any
---@return any|nil result what fn returned; nil, err if it failed
function sql_database:transaction(fn) end

---@class sql
local sql = {}

---A database by its URL: "sqlite:PATH", "postgres://user:password@host/name" or
---"mysql://user:password@host/name"; without one, or by "db:", that of --db. It connects with the
---first query. Connections survive reloads. Raises for a URL of another kind, and a missing SQLite
---file. Only while the file loads.
---```lua
---local db = sql.open("postgres://sip@127.0.0.1/pbx", { timeout = 2 })
---```
---@param url? string of the database; default that of --db
---@param options? sql.open.options optional
---@return sql.database result
function sql.open(url, options) end

---@class sql.open.options
---@field pool? integer maximum number of connections; whoever opens a database first decides for all
---@field timeout? number of one query
---@field create? boolean create a SQLite database that does not exist

return sql
