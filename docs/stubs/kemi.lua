---@meta kemi
-- Made by `sipscript stubs`. Runs routing scripts written for Kamailio's KEMI.

---@class kemi
local kemi = {}

---Loads a script written for Kamailio's KEMI, which takes the place of route, or a kamailio.cfg that
---names one in the same directory and configures its modules. Raises if the script uses what is not
---there, with each line and what to use in its place. Only while the file loads.
---```lua
---require("kemi").load("kamailio.lua")
---```
---@param file string its name, next to the script
function kemi.load(file) end

return kemi
