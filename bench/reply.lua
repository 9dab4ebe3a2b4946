-- Answers everything: what a message costs without a route.
function route(req) req:reply(200) end
