-- wrk: refreshes sessions. Each answer's token is the next request's; the first ones are in a file, one a line.

local tokens, first, last = {}, 1, 0
local threads = 0

function setup(thread)
   thread:set("id", threads)
   threads = threads + 1
end

function init(arguments)
   local number = 0
   for token in io.lines(arguments[1]) do
      number = number + 1
      -- A token is one thread's only.
      if number % tonumber(arguments[2]) == id then
         last = last + 1
         tokens[last] = token
      end
   end
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
end

function request()
   local token = tokens[first]
   tokens[first] = nil
   first = first + 1
   return wrk.format(nil, nil, nil, string.format('{"refresh_token": "%s"}', token))
end

function response(status, headers, body)
   last = last + 1
   tokens[last] = body:match('"refresh_token":"([^"]+)"')
end
