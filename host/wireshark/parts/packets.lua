-- Packets (docs/bus.md "Packets")

local function read_records(s)
  local records, at, span_end = {}, 5, 0
  while at < #s do
    local tag = u8(s, at)
    local record
    if tag >= 0x80 then
      if at + 3 > #s then break end
      record = { kind = "span", at = at + 3, length = u8(s, at + 2), offset = (tag - 0x80) * 0x100 + u8(s, at + 1) }
    elseif tag >= 0x40 then
      if at + 2 > #s then break end
      record = { kind = "span", at = at + 2, length = tag - 0x40 + 1, offset = span_end + u8(s, at + 1), is_near = true }
    elseif tag == 0 then
      if at + 2 > #s then break end
      record = { kind = "message", at = at + 2, length = u8(s, at + 1) }
    else break end
    if record.at + record.length > #s then break end
    record.start = at
    records[#records + 1] = record
    at = record.at + record.length
    if record.kind == "span" then span_end = record.offset + record.length end
  end
  return records, at
end

local PROBE_EPOCH = 0xffff

-- Returns whether the receiver takes the packet's records. Adds remarks about its header.
local function accept(s, direction, remarks)
  local flags, epoch, sequence, acknowledgement = u8(s, 0), u16(s, 1), u8(s, 3), u8(s, 4)
  if epoch == PROBE_EPOCH then
    note(remarks, direction == "out" and "a search: is the service there?" or "the service is there")
    return false
  end
  if has(flags, 0x80) then
    if epoch ~= state.epoch then new_epoch(epoch, false) end
    note(remarks, "what was negotiated, and stood in the window, when the trace began")
    return true
  end
  if has(flags, 8) then
    warn(remarks, string.format("the M4 knows no epoch 0x%x: it has started again", epoch))
    return false
  end
  if has(flags, 2) and direction == "out" and epoch ~= state.epoch then
    new_epoch(epoch, true)
    note(remarks, string.format("epoch 0x%x begins", epoch))
  elseif not state.epoch then new_epoch(epoch, false) end
  if epoch ~= state.epoch then
    warn(remarks, string.format("of epoch 0x%x, which is over", epoch))
    return false
  end
  if has(flags, 4) then note(remarks, "asks to send again what is unacknowledged") end
  local other = direction == "out" and "in" or "out"
  if state.next[other] then
    local ahead = (acknowledgement - state.next[other]) % 0x100
    if ahead > 0 and ahead < 0x80 then
      warn(remarks, string.format("the trace lacks %d packet%s of the other direction", ahead, ahead == 1 and "" or "s"))
      state.next[other] = acknowledgement
      state.is_complete = false
    end
  end
  if not has(flags, 1) then return false end
  local behind = ((state.next[direction] or sequence) - sequence) % 0x100
  if behind > 0 and behind < 0x80 then
    note(remarks, "sent again")
    return false
  end
  if behind > 0 then
    warn(remarks, (behind == 0xff and "a packet" or counted(0x100 - behind, "packet")) .. " before it got lost")
    return false
  end
  state.next[direction] = (sequence + 1) % 0x100
  return true
end

local function take_spans(spans, area, is_taken, time, remarks)
  for _, span in ipairs(spans) do
    span.is_stored = is_taken and inside(area, span.offset, span.length)
    if span.is_stored then
      for i = 1, span.length do state.areas[area][span.offset + i - 1] = string.byte(span.bytes, i) end
    elseif is_taken then
      warn(remarks, string.format("a span of %s at %d:0x%x, outside the area of %d", counted(span.length, "byte"), area,
        span.offset, state.sizes[area]))
    end
  end
  for _, span in ipairs(spans) do
    span.records, span.requests = {}, {}
    if span.is_stored then
      for _, device in in_order(state.devices) do
        for _, queue in in_order(device.queues) do
          records_in(device, queue, area, span.offset, span.length, span.records)
          local function announces(place)
            return is_sound(queue) and place.area == area and overlaps(span.offset, span.length, place.offset + 2, 2)
          end
          if announces(queue.driver) then
            for _, chain in ipairs(take_available(queue)) do
              local request = describe_request(device, queue, chain)
              if chain.fault then breach(request.remarks, "D31", chain.fault) end
              chain.time, chain.request, chain.number = time, request, state.number
              span.requests[#span.requests + 1] = request
            end
          end
          if announces(queue.device) then
            for _, used in ipairs(take_used(device, queue)) do
              local request = describe_request(device, queue, used.chain, used.length)
              if used.chain.time then
                request.milliseconds = milliseconds_between(used.chain.time, time)
                request.response_to = used.chain.number
                used.chain.request.response_in = state.number
              end
              if not used.was_in_flight then
                warn(request.remarks,
                  string.format("chain %d comes back that the device did not have", used.chain.head))
              end
              if used.length > writable_bytes(used.chain) then
                warn(request.remarks, string.format("used length %d exceeds the chain's %s", used.length,
                  counted(writable_bytes(used.chain), "writable byte")))
              end
              span.requests[#span.requests + 1] = request
            end
          end
        end
      end
    end
  end
end

-- Everything that the tree shows about a packet, apart from its bytes. Called once for each packet, in their order.
local function analyse(s, direction, number, time)
  local packet = { remarks = {} }
  state.number = number
  if #s < 5 then
    warn(packet.remarks, (#s == 1 and "1 byte is" or #s .. " bytes are") .. " too short for a packet's header")
    packet.records = {}
    return packet
  end
  local is_taken = accept(s, direction, packet.remarks)
  packet.is_ignored = not is_taken
  local stop = #s
  packet.records = {}
  if has(u8(s, 0), 1) then packet.records, stop = read_records(s) end
  if stop < #s then warn(packet.remarks, string.format("malformed from byte %d on", stop)) end
  local area, spans = direction == "out" and 1 or 2, {}
  for _, record in ipairs(packet.records) do
    record.bytes = s:sub(record.at + 1, record.at + record.length)
    if record.kind == "span" then spans[#spans + 1] = record
    else
      take_spans(spans, area, is_taken, time, packet.remarks)
      spans = {}
      record.remarks = {}
      local device = #record.bytes >= 4 and state.devices and state.devices[u16(record.bytes, 2)]
      record.message = describe_message(record.bytes, device and device.id or -1)
      check_alone(record.message, direction, record.remarks)
      if is_taken then follow_message(record.message, record, direction, number, time) end
    end
  end
  take_spans(spans, area, is_taken, time, packet.remarks)
  return packet
end
