-- Split virtqueues (virtio 1.4 2.7)

local function queue_of(device, index)
  local queue = device.queues[index]
  if not queue then
    local nowhere = { area = 0, offset = 0 }
    queue = { index = index, size = 0, is_enabled = false, desc = nowhere, driver = nowhere, device = nowhere,
      avail_idx = 0, used_idx = 0, in_flight = {} }
    device.queues[index] = queue
  end
  return queue
end

local function is_sound(queue)
  local size = queue.size
  if not queue.is_enabled or size < 1 or size > 2048 then return false end
  while size % 2 == 0 do size = size / 2 end
  return size == 1 and inside(queue.desc.area, queue.desc.offset, 16 * queue.size)
    and inside(queue.driver.area, queue.driver.offset, 6 + 2 * queue.size)
    and inside(queue.device.area, queue.device.offset, 6 + 8 * queue.size)
end

local function walk_table(place, size, first, buffers, is_outer)
  local visited, has_writable, index = {}, false, first
  while true do
    if index >= size then return string.format("descriptor %d is outside a table of %d", index, size) end
    if visited[index] then return "a chain that goes round in circles" end
    visited[index] = true
    local at = 16 * index
    local buffer = place_of(window_u32(place, at), window_u32(place, at + 4))
    local length, flags = window_u32(place, at + 8), window_u16(place, at + 12)
    if has(flags, 4) then
      if not is_outer then return "an indirect table inside an indirect table" end
      if length == 0 or length % 16 ~= 0 then return string.format("an indirect table of %s", counted(length, "byte")) end
      return walk_table(buffer, length / 16, 0, buffers, false)
    end
    if not inside(buffer.area, buffer.offset, length) then
      return string.format("a buffer of %s at %d:0x%x, outside the window", counted(length, "byte"), buffer.area, buffer.offset)
    end
    local is_writable = has(flags, 2)
    if has_writable and not is_writable then return "a readable buffer behind a writable one" end
    has_writable = is_writable
    buffers[#buffers + 1] = { place = buffer, length = length, is_writable = is_writable }
    if not has(flags, 1) then return nil end
    index = window_u16(place, at + 14)
  end
end

local function walk(queue, head)
  local chain = { head = head, buffers = {} }
  chain.fault = walk_table(queue.desc, queue.size, head, chain.buffers, true)
  return chain
end

local function avail_head(queue, position)
  return window_u16(queue.driver, 4 + 2 * (position % queue.size))
end

local function begin_queue(queue)
  queue.is_enabled = true
  queue.avail_idx, queue.used_idx = window_u16(queue.driver, 2), window_u16(queue.device, 2)
  queue.in_flight = {}
  if not is_sound(queue) then return end
  for i = 0, math.min((queue.avail_idx - queue.used_idx) % 0x10000, queue.size) - 1 do
    queue.in_flight[#queue.in_flight + 1] = walk(queue, avail_head(queue, queue.used_idx + i))
  end
end

local function take_in_flight(queue, head)
  for at, chain in ipairs(queue.in_flight) do
    if chain.head == head then return table.remove(queue.in_flight, at) end
  end
  return nil
end

local function take_available(queue)
  local idx, chains = window_u16(queue.driver, 2), {}
  for left = math.min((idx - queue.avail_idx) % 0x10000, queue.size), 1, -1 do
    local chain = walk(queue, avail_head(queue, idx - left))
    take_in_flight(queue, chain.head)
    queue.in_flight[#queue.in_flight + 1] = chain
    chains[#chains + 1] = chain
  end
  queue.avail_idx = idx
  return chains
end

local function writable_bytes(chain)
  local sum = 0
  for _, buffer in ipairs(chain.buffers) do sum = sum + (buffer.is_writable and buffer.length or 0) end
  return sum
end

-- With VIRTIO_F_IN_ORDER, one used element can stand for all chains up to its own (2.7.9).
local function batch_up_to(device, queue, head, most)
  local position
  for at, chain in ipairs(queue.in_flight) do
    if chain.head == head then position = at end
  end
  if not position then return { walk(queue, head) }, false end
  if not has_taken(device, FEATURE_IN_ORDER) or position > most then return { take_in_flight(queue, head) }, true end
  local batch = {}
  for _ = 1, position do batch[#batch + 1] = table.remove(queue.in_flight, 1) end
  return batch, true
end

local function take_used(device, queue)
  local idx, used = window_u16(queue.device, 2), {}
  local left = math.min((idx - queue.used_idx) % 0x10000, queue.size)
  while left > 0 do
    local at = 4 + 8 * ((idx - left) % queue.size)
    local head, length = window_u32(queue.device, at), window_u32(queue.device, at + 4)
    local batch, was_in_flight = batch_up_to(device, queue, head, left)
    left = left - #batch
    for i, chain in ipairs(batch) do
      used[#used + 1] =
        { chain = chain, length = i < #batch and writable_bytes(chain) or length, was_in_flight = was_in_flight }
    end
  end
  queue.used_idx = idx
  return used
end

local function overlaps(offset, length, start, size)
  return offset < start + size and start < offset + length
end

local function descriptor_flags(flags)
  return bit_names(flags, { { 1, "NEXT" }, { 2, "WRITE" }, { 4, "INDIRECT" } })
end

-- Adds the parts of a queue that a run of bytes covers, each as {title, device, queue, index_name, index, fields}.
local function records_in(device, queue, area, offset, length, records)
  if not is_sound(queue) then return end
  local function add(title, reader, index_name, index, start)
    for _, found in ipairs(reader.found) do found.area_offset = start + found.offset end
    records[#records + 1] = { title = title, device = device.number, queue = queue.index, index_name = index_name,
      index = index, fields = reader.found }
  end
  local function slots(start, width)
    return math.max(0, math.floor((offset - start) / width)),
      math.min(queue.size - 1, math.floor((offset + length - 1 - start) / width))
  end
  if area == queue.desc.area and overlaps(offset, length, queue.desc.offset, 16 * queue.size) then
    local first, last = slots(queue.desc.offset, 16)
    for index = first, last do
      local start = queue.desc.offset + 16 * index
      local r = new_reader(window_read(area, start, 16))
      r:u64("addr", window_address)
      r:u32("len")
      r:u16("desc_flags", descriptor_flags)
      r:u16("next")
      add("Descriptor", r, "descriptor", index, start)
    end
  end
  local function ring(title, start, width, event_name, read_element)
    local size = 6 + width * queue.size
    local bytes = window_read(area, start, size)
    local first, last = slots(start + 4, width)
    for slot = first, last do
      local r = new_reader(bytes, 4 + width * slot)
      read_element(r)
      add(title, r, "slot", slot, start)
    end
    local r = new_reader(bytes)
    local function if_written(at, name, meaning)
      if not overlaps(offset, length, start + at, 2) then return end
      r.at = at
      r:u16(name, meaning)
    end
    if_written(0, "ring_flags", function(flags) return has(flags, 1) and "no notification wanted" or "" end)
    if_written(2, "idx")
    if_written(size - 2, event_name)
    if #r.found > 0 then add(title, r, nil, nil, start) end
  end
  if area == queue.driver.area and overlaps(offset, length, queue.driver.offset, 6 + 2 * queue.size) then
    ring("Available ring", queue.driver.offset, 2, "used_event", function(r) r:u16("ring") end)
  end
  if area == queue.device.area and overlaps(offset, length, queue.device.offset, 6 + 8 * queue.size) then
    ring("Used ring", queue.device.offset, 8, "avail_event", function(r)
      r:u32("id")
      r:u32("used_len")
    end)
  end
end
