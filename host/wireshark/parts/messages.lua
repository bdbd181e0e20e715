-- Messages (virtio-msg "Core Messages", "Bus Messages"; HELLO: docs/bus.md)

local function nothing() end

local function feature_blocks(r, device_id)
  local first, blocks = r:u32("block_index"), r:u32("num_blocks")
  for block = 0, blocks - 1 do
    if r:left() < 4 then return end
    r:u32("features", function(bits) return feature_names(32 * (first + block), bits, device_id) end)
  end
end

local function configuration(r)
  r:u32("generation")
  r:u32("offset")
  r:bytes("data", r:u32("length"))
end

local function status(r) r:u32("status", status_name) end
local function queue_index(r) r:u32("index") end
local function ping(r) r:u32("ping_data") end

local function queue_addresses(r)
  r:u64("desc", window_address)
  r:u64("driver", window_address)
  r:u64("device", window_address)
end

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

-- Each entry: name, reader of the request or event, reader of the response.
local TRANSPORT = {
  [GET_DEVICE_INFO] = { "GET_DEVICE_INFO", nothing, function(r)
    r:u32("device_id", device_type_name)
    r:u32("vendor_id")
    r:parts("device_uuid", 16, function(uuid) return uuid == string.rep("\0", 16) and "none" or "" end)
    r:u32("num_feature_blocks")
    r:u32("config_size")
    r:u32("max_virtqueues")
    r:u32("admin_vq_start")
    r:u32("admin_vq_count")
  end },
  [GET_DEVICE_FEATURES] = { "GET_DEVICE_FEATURES", function(r)
    r:u32("block_index")
    r:u32("num_blocks")
  end, feature_blocks },
  [SET_DRIVER_FEATURES] = { "SET_DRIVER_FEATURES", feature_blocks, nothing },
  [GET_CONFIG] = { "GET_CONFIG", function(r)
    r:u32("offset")
    r:u32("length")
  end, configuration },
  [SET_CONFIG] = { "SET_CONFIG", configuration, configuration },
  [GET_DEVICE_STATUS] = { "GET_DEVICE_STATUS", nothing, status },
  [SET_DEVICE_STATUS] = { "SET_DEVICE_STATUS", status, status },
  [GET_VQUEUE] = { "GET_VQUEUE", queue_index, function(r)
    r:u32("index")
    r:u32("max_size", function(size) return size == 0 and "no such queue" or "" end)
    r:u32("cur_size")
    r:u32("flags", function(flags) return has(flags, 1) and "enabled" or "not enabled" end)
    queue_addresses(r)
  end },
  [SET_VQUEUE] = { "SET_VQUEUE", function(r)
    r:u32("index")
    r:u32("flags", set_vqueue_flags)
    r:u32("size")
    r:u32("reserved")
    queue_addresses(r)
  end, nothing },
  [RESET_VQUEUE] = { "RESET_VQUEUE", queue_index, nothing },
  [GET_SHM] = { "GET_SHM", function(r) r:u32("shmid") end, function(r)
    r:u32("shmid")
    r:u32("reserved")
    r:u64("shm_length", function(low, high) return low == 0 and high == 0 and "no such region" or "" end)
    r:u64("shm_address", window_address)
  end },
  [EVENT_CONFIG] = { "EVENT_CONFIG", function(r)
    status(r)
    configuration(r)
  end, nothing },
  [EVENT_AVAIL] = { "EVENT_AVAIL", function(r)
    r:u32("vq_index")
    r:u32("next_offset")
  end, nothing },
  [EVENT_USED] = { "EVENT_USED", function(r) r:u32("vq_index") end, nothing },
}

local BUS = {
  [GET_DEVICES] = { "GET_DEVICES", function(r)
    r:u16("first_number")
    r:u16("count")
  end, function(r)
    local first = r:u16("first_number")
    r:u16("next_number", function(next_number) return next_number == 0 and "no more" or "" end)
    local length = math.min(r:left(), math.floor((r:u16("count") + 7) / 8))
    r:bytes("bitmap", length, function(bitmap) return numbers_in(bitmap, first) end)
  end },
  [PING] = { "PING", ping, ping },
  [EVENT_DEVICE] = { "EVENT_DEVICE", function(r)
    r:u16("device_number")
    r:u16("device_bus_state", function(state) return ({ [0] = "", "ADDED", "REMOVED" })[state] or "unknown" end)
  end, nothing },
  [HELLO] = { "HELLO", function(r)
    r:u32("protocol_hash")
    r:u16("bus_version")
    r:u16("hello_reserved")
  end, function(r)
    r:u32("protocol_hash")
    r:u16("bus_version")
    r:u16("max_msg_size")
    r:u32("revision")
    r:u32("transport_features", function(bits) return has(bits, 1) and "STRICT_CONFIG_GENERATION" or "none" end)
    r:u16("driver_area_size")
    r:u16("device_area_size")
    r:u16("hello_epoch")
    r:u8("receive_credit")
    r:u8("hello_flags", function(flags) return has(flags, 1) and "simulated chips" or "real chips" end)
    r:parts("firmware_version", 4, function(v) return string.format("%d.%d.%d", u8(v, 0), u8(v, 1), u8(v, 2)) end)
    r:parts("board", 32)
  end },
}

local function malformed_reason(m)
  if #m.frame < 8 then return string.format("length %d is too short for a header of 8", #m.frame) end
  if m.size < 8 then return string.format("msg_size %d is below the header's 8 bytes", m.size) end
  if m.size > #m.frame then
    return string.format("msg_size %d is more than what was received, %d", m.size, #m.frame)
  end
  local least = LEAST_PAYLOAD[m.is_bus and "bus" or "transport"][m.id]
  local payload = least and least[m.is_response and 2 or 1] or 0
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
  local layout = (m.is_bus and BUS or TRANSPORT)[m.id]
  m.name = layout and layout[1] or string.format("message 0x%x", m.id)
  m.is_known = layout ~= nil
  m.is_event = not m.is_response and m.id >= 0x40 and m.id < 0x80
  m.kind = m.is_response and "response" or m.is_event and "event" or "request"
  local header = new_reader(frame)
  header:u8("type", function(t)
    return (has(t, 2) and "bus" or "transport") .. ", " .. (has(t, 1) and "response" or "request or event")
      .. (t >= 4 and ", reserved bits" or "")
  end)
  header:u8("msg_id", function() return layout and layout[1] or "unknown" end)
  m.dev_num, m.token = header:u16("dev_num"), header:u16("token")
  header:u16("msg_size")
  m.malformed = malformed_reason(m)
  m.fields = header.found
  if #frame < 8 or m.size < 8 then return m end
  local payload = new_reader(frame, 8, m.size)
  if layout then layout[m.is_response and 3 or 2](payload, device_id) else payload:bytes("payload") end
  for _, found in ipairs(payload.found) do m.fields[#m.fields + 1] = found end
  return m
end

local function is(m, id, kind)
  return not m.is_bus and m.id == id and m.kind == kind
end
