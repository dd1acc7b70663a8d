-- Copyright (C) Evolu Auth Authors
--
-- The guard of lua.conf: what a careful author would write for speed.

local ffi = require "ffi"

ffi.cdef [[
unsigned char *SHA256(const unsigned char *text, size_t len,
                      unsigned char *digest);
]]

local C = ffi.C
local keys = ngx.shared.keys
local digest = ffi.new("unsigned char[32]")
local _M = {}

local GRAMMAR = "^evolu_(?:live|test)_[A-Za-z0-9-]{1,64}"
                .. "_[A-Za-z0-9_-]{16,128}$"


-- The campaign of a digest by Redis; "": there is none.

local function ask(name)
    local socket = ngx.socket.tcp()

    socket:settimeout(1000)

    local key = "digest:" .. name

    if not socket:connect("127.0.0.1", _M.redis_port)
       or not socket:send("*2\r\n$3\r\nGET\r\n$" .. #key .. "\r\n" .. key
                          .. "\r\n")
    then
        return nil
    end

    local line = socket:receive()
    local len = line and tonumber(line:match("^%$(-?%d+)$"))
    local value = ""

    if not len then
        return nil
    end

    if len >= 0 then
        value = socket:receive(len)

        if not value or not socket:receive(2) then
            return nil
        end
    end

    socket:setkeepalive(3600000, 64)

    return value
end


function _M.check()
    local header = ngx.var.http_authorization

    if not header or header:sub(1, 7) ~= "Bearer " then
        return ngx.exit(401)
    end

    local key = header:sub(8)

    C.SHA256(key, #key, digest)

    local name = ffi.string(digest, 32)
    local campaign = keys:get(name)

    if not campaign then
        if not ngx.re.find(key, GRAMMAR, "jo") then
            return ngx.exit(401)
        end

        campaign = ask(name)

        if not campaign then
            return ngx.exit(503)
        end

        keys:set(name, campaign, campaign == "" and 5 or 600)
    end

    if campaign == "" then
        return ngx.exit(401)
    end

    ngx.var.campaign = campaign
end


return _M
