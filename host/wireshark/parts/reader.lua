-- A reader lists the fields that it finds, each as {name, offset, length, value, meaning}

local Reader = {}
Reader.__index = Reader

local function new_reader(s, at, stop)
  return setmetatable({ s = s, at = at or 0, stop = math.min(stop or #s, #s), found = {} }, Reader)
end

-- A reader of other bytes, whose fields join these.
function Reader:go_on(s, stop)
  local next_reader = new_reader(s, 0, stop)
  next_reader.found = self.found
  return next_reader
end

function Reader:left() return math.max(0, self.stop - self.at) end

function Reader:add(name, length, value, meaning)
  self.found[#self.found + 1] =
    { name = name, offset = self.at, length = length, value = value, meaning = meaning ~= "" and meaning or nil }
  self.at = self.at + length
end

function Reader:number(name, width, meaning)
  if self:left() < width then return 0 end
  local value = ({ [1] = u8, [2] = u16, [4] = u32 })[width](self.s, self.at)
  self:add(name, width, value, meaning and meaning(value))
  return value
end

function Reader:u8(name, meaning) return self:number(name, 1, meaning) end
function Reader:u16(name, meaning) return self:number(name, 2, meaning) end
function Reader:u32(name, meaning) return self:number(name, 4, meaning) end

function Reader:u64(name, meaning)
  if self:left() < 8 then return end
  local low, high = u32(self.s, self.at), u32(self.s, self.at + 4)
  self:add(name, 8, { low = low, high = high }, meaning and meaning(low, high))
end

function Reader:bytes(name, length, meaning)
  local present = math.min(length or self:left(), self:left())
  if present > 0 then
    local bytes = self.s:sub(self.at + 1, self.at + present)
    self:add(name, present, bytes, meaning and meaning(bytes))
  end
end

-- Whole or not at all.
function Reader:parts(name, length, meaning)
  if self:left() >= length then self:bytes(name, length, meaning) end
end

local function value_of(fields, name)
  for _, found in ipairs(fields) do
    if found.name == name then return found.value end
  end
  return nil
end

local function number_of(fields, name)
  local value = value_of(fields, name)
  return type(value) == "number" and value or 0
end
