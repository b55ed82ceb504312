-- wrk: one request again and again: method, file of the body or "-", and headers as "Name: value".
-- Without a function request() wrk makes it once and asks Lua no more.

function init(arguments)
   wrk.method = arguments[1]
   if arguments[2] ~= "-" then
      local file = assert(io.open(arguments[2]))
      wrk.body = file:read("*a")
      file:close()
   end
   for index = 3, #arguments do
      local name, value = arguments[index]:match("^([^:]+): (.*)$")
      wrk.headers[name] = value
   end
end
