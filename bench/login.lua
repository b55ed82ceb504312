-- wrk: signs in, each time as another of the users that bench/login.py made.

local number = 0

function init(arguments)
   password = arguments[1]
   users = tonumber(arguments[2])
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   math.randomseed(os.time())
   number = math.random(users)
end

function request()
   number = number % users + 1
   local body = string.format('{"email": "login%d@bench.example", "password": "%s"}', number, password)
   return wrk.format(nil, nil, nil, body)
end
