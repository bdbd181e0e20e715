-- The conversation: which answer belongs to which request, the state of devices, and breaches. A remark is
-- {severity, text, row}.

local function breach(remarks, row, text)
  remarks[#remarks + 1] = { severity = "breach", row = row, text = text }
end

local function warn(remarks, text) remarks[#remarks + 1] = { severity = "warning", text = text } end
local function note(remarks, text) remarks[#remarks + 1] = { severity = "note", text = text } end

local function keep_blocks(blocks, m)
  local block = number_of(m.fields, "block_index")
  for _, found in ipairs(m.fields) do
    if found.name == "features" then
      if block <= 128 then blocks[block] = found.value end
      block = block + 1
    end
  end
end

local function check_set_vqueue(m, remarks)
  local flags, size = number_of(m.fields, "flags"), number_of(m.fields, "size")
  if flags >= 64 or number_of(m.fields, "reserved") ~= 0 then breach(remarks, "D48", "reserved bits are set") end
  if flags % 4 == 3 then breach(remarks, "D49", "the reserved state operation 3") end
  local power = size
  while power > 0 and power % 2 == 0 do power = power / 2 end
  if not has(flags, 4) and (power ~= 1 or size > 32768) then
    breach(remarks, "D51", string.format("a queue of %s: not a power of two up to 32768", counted(size, "descriptor")))
  end
  for _, entry in ipairs({ { "desc", 8, 16 }, { "driver", 16, 2 }, { "device", 32, 4 } }) do
    local address = value_of(m.fields, entry[1])
    if address and not has(flags, entry[2]) and address.low % entry[3] ~= 0 then
      breach(remarks, "D52", string.format("%s is not aligned to %s", entry[1], counted(entry[3], "byte")))
    end
  end
end

local function check_alone(m, direction, remarks)
  local from_driver = direction == "out"
  if m.malformed then return breach(remarks, from_driver and "D15" or "V23", "malformed: " .. m.malformed) end
  local function value(name) return number_of(m.fields, name) end
  if m.type >= 4 then
    breach(remarks, m.is_bus and "B23" or from_driver and "D14" or "V22", "reserved bits of type are set")
  end
  if m.is_bus and m.dev_num ~= 0 then breach(remarks, "G2", "a bus message has a dev_num") end
  if m.is_response and m.id >= 0x40 and m.id < 0x80 then
    breach(remarks, "G1", "an event is marked as a response")
  end
  if not m.is_known then warn(remarks, "no message of the specification has this msg_id") end
  if m.is_bus then
    if m.id ~= GET_DEVICES or m.kind ~= "response" then return end
    local next_number, count = value("next_number"), value("count")
    if next_number ~= 0 and next_number <= value("first_number") then
      breach(remarks, "B48", string.format("next_number %d is not behind %d", next_number, value("first_number")))
    end
    local bitmap = value_of(m.fields, "bitmap")
    if bitmap and count % 8 ~= 0 and u8(bitmap, #bitmap - 1) >= 2 ^ (count % 8) then
      breach(remarks, "B46", "unused bits of the bitmap are set")
    end
    return
  end
  if m.kind == "request" and not from_driver then breach(remarks, "V29", "a device sends a request") end
  if m.kind == "response" and from_driver then breach(remarks, "D34", "a driver sends a response") end
  if m.kind == "event" then
    if m.id == EVENT_AVAIL and not from_driver then breach(remarks, "V35", "a device sends EVENT_AVAIL") end
    if (m.id == EVENT_USED or m.id == EVENT_CONFIG) and from_driver then
      breach(remarks, "D31", "a driver sends " .. m.name)
    end
  end
  if is(m, GET_DEVICE_INFO, "response") then
    if value("max_virtqueues") > 65536 then
      breach(remarks, "V39", string.format("max_virtqueues is %d", value("max_virtqueues")))
    end
    if value("admin_vq_count") == 0 and value("admin_vq_start") ~= 0 then
      breach(remarks, "V41", "admin_vq_start without administration virtqueues")
    end
    if value("admin_vq_start") + value("admin_vq_count") > value("max_virtqueues") then
      breach(remarks, "V42", "administration virtqueues outside max_virtqueues")
    end
  end
  if is(m, GET_VQUEUE, "response") and value("flags") >= 2 then breach(remarks, "V55", "reserved flags are set") end
  if is(m, GET_SHM, "response") and value("reserved") ~= 0 then breach(remarks, "V67", "reserved is not 0") end
  if is(m, SET_VQUEUE, "request") then check_set_vqueue(m, remarks) end
  if is(m, SET_DRIVER_FEATURES, "request") then
    local blocks = {}
    keep_blocks(blocks, m)
    if has(blocks[1] or 0, 2 ^ (RESERVED_FEATURE_NOTIF_CONFIG_DATA - 32)) then
      breach(remarks, "D26", "VIRTIO_F_NOTIF_CONFIG_DATA is taken")
    end
  end
  if is(m, EVENT_CONFIG, "event") and value("length") == 0 and value("offset") ~= 0 then
    breach(remarks, "V13", "a range of length 0 with an offset")
  end
  if is(m, SET_CONFIG, "response") and value("length") == 0 and m.size > 20 then
    breach(remarks, "V48", "data in a response of length 0")
  end
end

local function check_answer(request, response, remarks)
  local function asked(name) return number_of(request.fields, name) end
  local function got(name) return number_of(response.fields, name) end
  if response.is_bus then
    if response.id == PING and asked("ping_data") ~= got("ping_data") then
      breach(remarks, "B50", "PING came back with other data")
    end
    if response.id == GET_DEVICES and got("count") > asked("count") then
      breach(remarks, "B45", string.format("count %d where %d were asked for", got("count"), asked("count")))
    end
    return
  end
  if response.id == SET_CONFIG and got("length") ~= 0 and got("length") ~= asked("length") then
    breach(remarks, "V47", string.format("%d of %s applied: all or none", got("length"), counted(asked("length"), "byte")))
  end
  if response.id == GET_VQUEUE and got("index") ~= asked("index") then
    breach(remarks, "V54", string.format("queue %d where %d was asked for", got("index"), asked("index")))
  end
  if response.id == GET_CONFIG and (got("offset") ~= asked("offset") or got("length") ~= asked("length")) then
    breach(remarks, "V44", "another range than was asked for")
  end
end

-- The bits of `value` that are not in `mask`.
local function bits_beyond(value, mask)
  local rest = 0
  for bit = 0, 31 do
    if has(value, 2 ^ bit) and not has(mask, 2 ^ bit) then rest = rest + 2 ^ bit end
  end
  return rest
end

local function follow_status(device, m, remarks)
  local value = number_of(m.fields, "status")
  if m.kind == "request" then
    if m.id ~= SET_DEVICE_STATUS or value == 0 then return end
    local cleared = bits_beyond(device.status % 16, value)
    if cleared > 0 then
      breach(remarks, "D23", string.format("status bits 0x%x are cleared without a reset", cleared))
    end
    if has(value, 4) and not has(device.status, 8) then
      breach(remarks, "D28", "DRIVER_OK before FEATURES_OK is confirmed")
    end
    return
  end
  device.status = value
  if value == 0 then device.taken, device.queues = {}, {} end
end

local function follow_set_vqueue(device, m, remarks)
  local flags = number_of(m.fields, "flags")
  local queue = queue_of(device, number_of(m.fields, "index"))
  if not has(device.status, 8) and flags % 4 == 1 then
    breach(remarks, "D21", "a queue is enabled before FEATURES_OK is confirmed")
  end
  local changes = not (has(flags, 4) and has(flags, 8) and has(flags, 16) and has(flags, 32))
  if queue.is_enabled and flags % 4 == 0 then breach(remarks, "D50", "operation 0 on an enabled queue") end
  if queue.is_enabled and changes then
    return breach(remarks, "D53", "an enabled queue gets another size or place")
  end
  local function address(name)
    local value = value_of(m.fields, name) or { low = 0, high = 0 }
    return place_of(value.low, value.high)
  end
  if not has(flags, 4) then queue.size = number_of(m.fields, "size") end
  if not has(flags, 8) then queue.desc = address("desc") end
  if not has(flags, 16) then queue.driver = address("driver") end
  if not has(flags, 32) then queue.device = address("device") end
  if flags % 4 == 1 then begin_queue(queue) end
end

local function follow_device(device, m, asked, remarks)
  local function value(name) return number_of(m.fields, name) end
  if is(m, GET_DEVICE_INFO, "response") then
    device.id, device.config_size = value("device_id"), value("config_size")
  elseif is(m, GET_DEVICE_FEATURES, "response") then keep_blocks(device.offered, m)
  elseif is(m, SET_DRIVER_FEATURES, "request") then
    if has(device.status, 8) then breach(remarks, "D21", "features are changed after FEATURES_OK") end
    local wanted = {}
    keep_blocks(wanted, m)
    for block, bits in pairs(wanted) do
      local extra = device.offered[block] and bits_beyond(bits, device.offered[block]) or 0
      if extra > 0 then
        breach(remarks, "D39", string.format("features of block %d that are not offered: 0x%x", block, extra))
      end
    end
    keep_blocks(device.taken, m)
  elseif m.id == GET_CONFIG or m.id == SET_CONFIG then
    local stop = value("offset") + value("length")
    if m.kind == "request" and device.config_size and stop > device.config_size then
      breach(remarks, m.id == GET_CONFIG and "D40" or "D41",
        string.format("byte %d of a configuration of %d", stop - 1, device.config_size))
    end
  elseif m.id == GET_DEVICE_STATUS or m.id == SET_DEVICE_STATUS then follow_status(device, m, remarks)
  elseif is(m, EVENT_CONFIG, "event") then device.status = value("status")
  elseif is(m, SET_VQUEUE, "request") then follow_set_vqueue(device, m, remarks)
  elseif is(m, RESET_VQUEUE, "response") and asked then
    queue_of(device, number_of(asked.fields, "index")).is_enabled = false
  elseif is(m, EVENT_AVAIL, "event") or is(m, EVENT_USED, "event") then
    local from_driver = m.id == EVENT_AVAIL
    local queue = device.queues[value("vq_index")]
    if not has(device.status, 4) then
      breach(remarks, from_driver and "D29" or "V33", m.name .. " before DRIVER_OK")
    elseif not queue or not queue.is_enabled then
      breach(remarks, from_driver and "D30" or "V35", string.format("queue %d is not enabled", value("vq_index")))
    end
  end
end

-- Takes the next message. `entry` is what the tree will show about it.
local function follow_message(m, entry, direction, number, time)
  if m.malformed then return end
  local remarks = entry.remarks
  if state.max_message_size and m.size > state.max_message_size then
    breach(remarks, direction == "out" and "D1" or "V1",
      string.format("larger than the %s allowed", counted(state.max_message_size, "byte")))
  end
  local asked
  if m.kind == "request" then
    if state.asked[m.token] then
      warn(remarks, string.format("token %d is used by another request in flight", m.token))
    end
    state.asked[m.token] = { message = m, entry = entry, number = number, time = time }
  elseif m.kind == "response" then
    asked = state.asked[m.token]
    local request = asked and asked.message
    if asked and request.id == m.id and request.is_bus == m.is_bus
      and (m.is_bus or request.dev_num == m.dev_num) then
      state.asked[m.token] = nil
      entry.response_to, entry.milliseconds = asked.number, milliseconds_between(asked.time, time)
      asked.entry.response_in = number
      check_answer(request, m, remarks)
    else
      asked = nil
      if state.is_complete then breach(remarks, "V27", "a response that nobody waits for") end
    end
  end
  if m.is_bus then
    if m.id == HELLO and m.kind == "response" then
      state.max_message_size = number_of(m.fields, "max_msg_size")
      state.sizes[1] = math.min(number_of(m.fields, "driver_area_size"), LARGEST_AREA)
      state.sizes[2] = math.min(number_of(m.fields, "device_area_size"), LARGEST_AREA)
    end
  else
    follow_device(device_of(m.dev_num), m, asked and asked.message, state.is_complete and remarks or {})
  end
end
