-- Messages (virtio-msg "Core Messages", "Bus Messages"; HELLO: docs/bus.md)

local SET_VQUEUE_OPERATIONS = { [0] = "KEEP_DISABLED", "ENABLE", "KEEP_STATE", "reserved operation 3" }

local function set_vqueue_flags(flags)
  local names = { SET_VQUEUE_OPERATIONS[flags % 4] }
  for at, name in ipairs({ "SIZE_IGNORE", "DESC_IGNORE", "DRIVER_IGNORE", "DEVICE_IGNORE" }) do
    if has(flags, 2 ^ (at + 1)) then names[#names + 1] = name end
  end
  if flags >= 64 then names[#names + 1] = "reserved bits" end
  return table.concat(names, " | ")
end

local function numbers_in(bitmap, first)
  local numbers = {}
  for i = 0, #bitmap - 1 do
    for bit = 0, 7 do
      if has(u8(bitmap, i), 2 ^ bit) then numbers[#numbers + 1] = first + 8 * i + bit end
    end
  end
  return #numbers > 0 and table.concat(numbers, ", ") or "none"
end

-- What numbers mean, by the names that the layouts have for it (host/src/trace/message-layouts.ts). Wireshark shows
-- what has only digits by the form of its field.
local MEANINGS = {
  device_type = device_type_name,
  status = status_name,
  max_size = function(size) return size == 0 and "no such queue" or "" end,
  enabled = function(flags) return has(flags, 1) and "enabled" or "not enabled" end,
  set_vqueue_flags = set_vqueue_flags,
  next_number = function(next_number) return next_number == 0 and "no more" or "" end,
  bus_state = function(state) return ({ [0] = "", "ADDED", "REMOVED" })[state] or "unknown" end,
  transport_features = function(bits) return has(bits, 1) and "STRICT_CONFIG_GENERATION" or "none" end,
  hello_flags = function(flags) return has(flags, 1) and "simulated chips" or "real chips" end,
  address = window_address,
  shm_length = function(low, high) return low == 0 and high == 0 and "no such region" or "" end,
}

local function read_fields(r, layout, device_id)
  local first, before
  for _, entry in ipairs(layout) do
    local form, name = entry[1], entry[2]
    if form == "uuid" then
      r:parts(name, 16, function(uuid) return uuid == string.rep("\0", 16) and "none" or "" end)
    elseif form == "version" then
      r:parts(name, 4, function(v) return string.format("%d.%d.%d", u8(v, 0), u8(v, 1), u8(v, 2)) end)
    elseif form == "text" then r:parts(name, 32)
    elseif form == "data" then r:bytes(name, before)
    elseif form == "bitmap" then
      r:bytes(name, math.floor((before + 7) / 8), function(bitmap) return numbers_in(bitmap, first) end)
    elseif form == "features" then
      for block = first, first + before - 1 do
        if r:left() < 4 then return end
        r:u32(name, function(bits) return feature_names(32 * block, bits, device_id) end)
      end
    else
      before = r[form](r, name, MEANINGS[entry[3]])
      first = first or before
    end
  end
end

local function malformed_reason(m, payload)
  if #m.frame < 8 then return string.format("length %d is too short for a header of 8", #m.frame) end
  if m.size < 8 then return string.format("msg_size %d is below the header's 8 bytes", m.size) end
  if m.size > #m.frame then
    return string.format("msg_size %d is more than what was received, %d", m.size, #m.frame)
  end
  if m.size < 8 + payload then
    return string.format("msg_size %d is below the %s of this message", m.size, counted(8 + payload, "byte"))
  end
  return nil
end

-- Decodes a frame. The offsets of its fields count from the start of the frame.
local function describe_message(frame, device_id)
  local m = { frame = frame, type = u8(frame, 0), id = u8(frame, 1), size = u16(frame, 6) }
  m.is_response = has(m.type, 1)
  m.is_bus = has(m.type, 2)
  local layout = (m.is_bus and LAYOUTS.bus or LAYOUTS.transport)[m.id]
  m.name = layout and layout.name or string.format("message 0x%x", m.id)
  m.is_known = layout ~= nil
  m.kind = m.is_response and "response" or m.id >= 0x40 and m.id < 0x80 and "event" or "request"
  local header = new_reader(frame)
  header:u8("type", function(t)
    return (has(t, 2) and "bus" or "transport") .. ", " .. (has(t, 1) and "response" or "request or event")
      .. (t >= 4 and ", reserved bits" or "")
  end)
  header:u8("msg_id", function() return layout and layout.name or "unknown" end)
  m.dev_num, m.token = header:u16("dev_num"), header:u16("token")
  header:u16("msg_size")
  local way = m.is_response and "response" or "request"
  m.malformed = malformed_reason(m, layout and layout.least[way] or 0)
  m.fields = header.found
  if #frame < 8 or m.size < 8 then return m end
  local payload = new_reader(frame, 8, m.size)
  if layout then read_fields(payload, layout[way], device_id) else payload:bytes("payload") end
  for _, found in ipairs(payload.found) do m.fields[#m.fields + 1] = found end
  return m
end

local function is(m, id, kind)
  return not m.is_bus and m.id == id and m.kind == kind
end
