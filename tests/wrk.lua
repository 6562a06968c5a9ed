-- Sends the requests of a file in turn, one line each: method, path, body. "@@" becomes a number never used before.
local threads, requests, turn, fresh = {}, {}, 0, 0
statuses = {}

function setup(thread)
  table.insert(threads, thread)
end

local function format(method, path, body)
  return wrk.format(method, path, {["Content-Type"] = "application/json"}, body ~= "" and body or nil)
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
    local own = line:find("@@", 1, true) and {method, path, body}
    table.insert(requests, own or format(method, path, body))
  end
  fresh = tonumber(arguments[3])
  local pause = tonumber(arguments[2])
  if pause > 0 then
    function delay() return pause end
  end
end

function request()
  turn = turn % #requests + 1
  local found = requests[turn]
  if type(found) == "string" then return found end
  fresh = fresh + 1
  return format(found[1], (found[2]:gsub("@@", fresh)), (found[3]:gsub("@@", fresh)))
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      table.insert(counts, string.format('"%d": %d', status, count))
    end
  end
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "worst": %d, "broken": %d, "timeouts": %d, "statuses": {%s}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write, errors.timeout, table.concat(counts, ", ")))
end
