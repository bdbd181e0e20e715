-- The window: two areas of bytes. Spans write to them

local LARGEST_AREA = 0x8000
local state

local function new_epoch(epoch, is_complete)
  state.epoch = epoch
  state.is_complete = is_complete
  state.areas = { [1] = {}, [2] = {} }
  state.sizes = { [1] = LARGEST_AREA, [2] = LARGEST_AREA }
  state.devices = {}
  state.asked = {}
  state.max_message_size = nil
  state.next = is_complete and { out = 0, ["in"] = 0 } or {}
end

local function inside(area, offset, length)
  return state.sizes[area] ~= nil and offset + length <= state.sizes[area]
end

local function window_read(area, offset, length)
  if not inside(area, offset, length) then return nil end
  local bytes, stored = {}, state.areas[area]
  for i = 0, length - 1 do bytes[i + 1] = string.char(stored[offset + i] or 0) end
  return table.concat(bytes)
end

local function window_u16(place, offset)
  return u16(window_read(place.area, place.offset + offset, 2) or "\0\0", 0)
end

local function window_u32(place, offset)
  return u32(window_read(place.area, place.offset + offset, 4) or "\0\0\0\0", 0)
end

local function place_of(low, high)
  if high % 0x10000 ~= 0 then return { area = 0, offset = 0 } end
  return { area = math.floor(high / 0x10000), offset = low }
end

local function device_of(number)
  local device = state.devices[number]
  if not device then
    device = { number = number, id = -1, status = 0, offered = {}, taken = {}, queues = {} }
    state.devices[number] = device
  end
  return device
end

local function has_taken(device, bit)
  return has(device.taken[math.floor(bit / 32)] or 0, 2 ^ (bit % 32))
end
