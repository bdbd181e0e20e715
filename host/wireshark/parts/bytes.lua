-- Bytes: packets are Lua strings here, and offsets count from 0

local function u8(s, at) return string.byte(s, at + 1) or 0 end
local function u16(s, at) return u8(s, at) + 0x100 * u8(s, at + 1) end
local function u32(s, at) return u16(s, at) + 0x10000 * u16(s, at + 2) end

local function spaced_hex(s, most)
  local shown = {}
  for i = 1, math.min(#s, most or 16) do shown[i] = string.format("%02x", string.byte(s, i)) end
  local rest = #s - #shown
  return table.concat(shown, " ") .. (rest > 0 and string.format(" and %d more", rest) or "")
end

local function quoted(s)
  return '"' .. s:gsub('[%c"\\\128-\255]', function(c) return string.format("\\x%02x", string.byte(c)) end) .. '"'
end
