-- Wireshark's dissector for virtio-msg over the serial mailbox bus (docs/bus.md, docs/wireshark.md).
--
-- Captures come from `virtio-msg --trace FILE.pcapng`: link type USER0, one frame for each mailbox packet, under the
-- interface of its sender (A7 or M4). One file, so that it can be dropped into Wireshark's plugin folder. What fields
-- are called, and which breaches are found, follows host/src/trace; a test holds the two together.

local virtio_msg = Proto("virtio_msg", "virtio-msg")

-- ---------------------------------------------------------------------------------------------------------------
-- Names of numbers

local DEVICE_TYPES = {
  [1] = "virtio-net", [2] = "virtio-blk", [3] = "virtio-console", [4] = "virtio-rng", [16] = "virtio-gpu",
  [19] = "virtio-vsock", [32] = "virtio-scmi", [34] = "virtio-i2c", [41] = "virtio-gpio", [45] = "virtio-spi",
}
local COMMON_FEATURES = {
  [24] = "VIRTIO_F_NOTIFY_ON_EMPTY", [28] = "VIRTIO_F_INDIRECT_DESC", [29] = "VIRTIO_F_EVENT_IDX",
  [32] = "VIRTIO_F_VERSION_1", [33] = "VIRTIO_F_ACCESS_PLATFORM", [34] = "VIRTIO_F_RING_PACKED",
  [35] = "VIRTIO_F_IN_ORDER", [36] = "VIRTIO_F_ORDER_PLATFORM", [37] = "VIRTIO_F_SR_IOV",
  [38] = "VIRTIO_F_NOTIFICATION_DATA", [39] = "VIRTIO_F_NOTIF_CONFIG_DATA", [40] = "VIRTIO_F_RING_RESET",
  [41] = "VIRTIO_F_ADMIN_VQ",
}
local DEVICE_FEATURES = {
  [3] = { [0] = "VIRTIO_CONSOLE_F_SIZE", [1] = "VIRTIO_CONSOLE_F_MULTIPORT" },
  [34] = { [0] = "VIRTIO_I2C_F_ZERO_LENGTH_REQUEST" },
  [41] = { [0] = "VIRTIO_GPIO_F_IRQ" },
}
local STATUS_BITS = {
  { 0x01, "ACKNOWLEDGE" }, { 0x02, "DRIVER" }, { 0x04, "DRIVER_OK" }, { 0x08, "FEATURES_OK" },
  { 0x40, "DEVICE_NEEDS_RESET" }, { 0x80, "FAILED" },
}
local PACKET_FLAGS = {
  { 0x01, "DATA" }, { 0x02, "CONNECT" }, { 0x04, "RESEND" }, { 0x08, "NO_EPOCH" }, { 0x80, "SNAPSHOT" },
}
local GPIO_TYPES = {
  [1] = "GET_LINE_NAMES", [2] = "GET_DIRECTION", [3] = "SET_DIRECTION", [4] = "GET_VALUE", [5] = "SET_VALUE",
  [6] = "SET_IRQ_TYPE",
}
local GPIO_DIRECTIONS = { [0] = "none", [1] = "out", [2] = "in" }
local GPIO_IRQ_TYPES = {
  [0] = "none", [1] = "rising edge", [2] = "falling edge", [3] = "both edges", [4] = "level high", [8] = "level low",
}
local RESERVED_FEATURE_NOTIF_CONFIG_DATA = 39
local FEATURE_IN_ORDER = 35

local function has(value, bit)
  return math.floor(value / bit) % 2 == 1
end

-- "ACKNOWLEDGE | DRIVER" for 3; bits without a name are shown as a number.
local function bit_names(value, bits)
  local names, rest = {}, value
  for _, entry in ipairs(bits) do
    if has(value, entry[1]) then
      names[#names + 1] = entry[2]
      rest = rest - entry[1]
    end
  end
  if rest > 0 then names[#names + 1] = string.format("0x%x", rest) end
  return table.concat(names, " | ")
end

local function status_name(status)
  return status == 0 and "0 (reset)" or bit_names(status, STATUS_BITS)
end

local function device_type_name(id)
  return DEVICE_TYPES[id] or string.format("virtio device type %d", id)
end

local function feature_names(first_bit, bits, device_id)
  local names = {}
  for bit = 0, 31 do
    if has(bits, 2 ^ bit) then
      local number = first_bit + bit
      names[#names + 1] = (DEVICE_FEATURES[device_id] or {})[number] or COMMON_FEATURES[number]
        or string.format("bit %d", number)
    end
  end
  return table.concat(names, ", ")
end

local function window_address(low, high)
  return string.format("%d:0x%04x", math.floor(high / 0x10000), low)
end

-- To a microsecond: time stamps have no more.
local function milliseconds_between(earlier, later)
  return math.floor(1e6 * (later - earlier) + 0.5) / 1000
end

-- The values of a table, in the order of their keys, which are numbers.
local function in_order(of)
  local keys, values = {}, {}
  for key in pairs(of) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do values[i] = of[key] end
  return ipairs(values)
end

-- ---------------------------------------------------------------------------------------------------------------
-- Bytes: packets are Lua strings here; offsets count from 0

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

-- ---------------------------------------------------------------------------------------------------------------
-- Fields. A field of a message, a descriptor, a ring or a request has one name wherever it stands.

local field = {}

local function number_field(width, name, label, base)
  local make = ({ [1] = ProtoField.uint8, [2] = ProtoField.uint16, [4] = ProtoField.uint32, [8] = ProtoField.uint64 })[width]
  field[name] = make("virtio_msg." .. name, label or name, base or base.DEC)
end


for width, names in pairs({
  [1] = { "sequence", "acknowledgement", "msg_id:hex", "type:hex", "packet_flags:hex", "receive_credit", "hello_flags:hex",
    "i2c_status", "gpio_status", "gpio_answer", "gpio_irq_status" },
  [2] = { "epoch:hex", "dev_num", "token", "msg_size", "first_number", "next_number", "count", "device_number",
    "device_bus_state", "bus_version", "max_msg_size", "driver_area_size", "device_area_size", "hello_epoch:hex",
    "hello_reserved", "desc_flags:hex", "next", "ring_flags:hex", "idx", "ring", "used_event", "avail_event",
    "i2c_addr:hex", "i2c_padding", "gpio_type", "gpio_line", "span_offset:hex", "queue", "head", "descriptor", "slot" },
  [4] = { "device_id", "vendor_id:hex", "num_feature_blocks", "config_size", "max_virtqueues", "admin_vq_start",
    "admin_vq_count", "block_index", "num_blocks", "features:hex", "offset", "length", "generation", "status:hex", "index",
    "max_size", "cur_size", "flags:hex", "size", "reserved", "shmid", "vq_index", "next_offset:hex", "ping_data:hex",
    "protocol_hash:hex", "revision", "transport_features:hex", "len", "id", "used_len", "i2c_flags:hex", "gpio_value" },
  [8] = { "desc:hex", "driver:hex", "device:hex", "shm_length:hex", "shm_address:hex", "addr:hex" },
}) do
  for _, entry in ipairs(names) do
    local name, style = entry:match("^([%w_]+):?(%w*)$")
    number_field(width, name, name, style == "hex" and base.HEX or base.DEC)
  end
end
for _, name in ipairs({ "device_uuid", "data", "bitmap", "firmware_version", "payload", "span_data", "i2c_write", "i2c_read",
  "gpio_names", "entropy", "console_output", "console_input", "readable", "writable" }) do
  field[name] = ProtoField.bytes("virtio_msg." .. name, name)
end
field.board = ProtoField.string("virtio_msg.board", "board")
field.name = ProtoField.string("virtio_msg.name", "Message")
field.kind = ProtoField.string("virtio_msg.kind", "Kind")
field.feature = ProtoField.string("virtio_msg.feature", "Feature")
field.request = ProtoField.string("virtio_msg.request", "Request")
field.request_ok = ProtoField.bool("virtio_msg.request_ok", "Carried out")
field.row = ProtoField.string("virtio_msg.row", "Conformance row")
field.response_in = ProtoField.framenum("virtio_msg.response_in", "Response in", base.NONE, frametype.RESPONSE)
field.response_to = ProtoField.framenum("virtio_msg.response_to", "Response to", base.NONE, frametype.REQUEST)
field.time = ProtoField.double("virtio_msg.time", "Milliseconds since the request")
virtio_msg.fields = field

local breach_expert = ProtoExpert.new("virtio_msg.breach", "Breach of the specification",
  expert.group.PROTOCOL, expert.severity.ERROR)
local warning_expert = ProtoExpert.new("virtio_msg.warning", "Trouble on the link",
  expert.group.SEQUENCE, expert.severity.WARN)
local note_expert = ProtoExpert.new("virtio_msg.note", "Note", expert.group.SEQUENCE, expert.severity.NOTE)
virtio_msg.experts = { breach_expert, warning_expert, note_expert }

-- ---------------------------------------------------------------------------------------------------------------
-- A list of fields that a reader has found: {name, offset, length, value, meaning}

local Reader = {}
Reader.__index = Reader

local function new_reader(s, at, stop)
  return setmetatable({ s = s, at = at or 0, stop = math.min(stop or #s, #s), found = {} }, Reader)
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

-- ---------------------------------------------------------------------------------------------------------------
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

local GET_DEVICE_INFO, GET_DEVICE_FEATURES, SET_DRIVER_FEATURES = 0x02, 0x03, 0x04
local GET_CONFIG, SET_CONFIG, GET_DEVICE_STATUS, SET_DEVICE_STATUS = 0x05, 0x06, 0x07, 0x08
local GET_VQUEUE, SET_VQUEUE, RESET_VQUEUE, GET_SHM = 0x09, 0x0a, 0x0b, 0x0c
local EVENT_CONFIG, EVENT_AVAIL, EVENT_USED = 0x40, 0x41, 0x42
local GET_DEVICES, PING, EVENT_DEVICE, HELLO = 0x02, 0x03, 0x40, 0x80

-- Name, request or event, response.
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

-- The least payload of each message, for the breach "shorter than its payload".
local LEAST_PAYLOAD = {
  transport = {
    [GET_DEVICE_INFO] = { 0, 44 }, [GET_DEVICE_FEATURES] = { 8, 8 }, [SET_DRIVER_FEATURES] = { 8, 0 },
    [GET_CONFIG] = { 8, 12 }, [SET_CONFIG] = { 12, 12 }, [GET_DEVICE_STATUS] = { 0, 4 }, [SET_DEVICE_STATUS] = { 4, 4 },
    [GET_VQUEUE] = { 4, 40 }, [SET_VQUEUE] = { 40, 0 }, [RESET_VQUEUE] = { 4, 0 }, [GET_SHM] = { 4, 24 },
    [EVENT_CONFIG] = { 16, 0 }, [EVENT_AVAIL] = { 8, 0 }, [EVENT_USED] = { 4, 0 },
  },
  bus = { [GET_DEVICES] = { 4, 6 }, [PING] = { 4, 4 }, [EVENT_DEVICE] = { 4, 0 }, [HELLO] = { 8, 60 } },
}

local function malformed_reason(m)
  if #m.frame < 8 then return string.format("%d bytes are too short for a header of 8", #m.frame) end
  if m.size < 8 then return string.format("msg_size %d is below the header's 8 bytes", m.size) end
  if m.size > #m.frame then
    return string.format("msg_size %d is more than the %d bytes received", m.size, #m.frame)
  end
  local least = LEAST_PAYLOAD[m.is_bus and "bus" or "transport"][m.id]
  local payload = least and least[m.is_response and 2 or 1] or 0
  if m.size < 8 + payload then
    return string.format("msg_size %d is below the %d bytes of this message", m.size, 8 + payload)
  end
  return nil
end

-- Takes a frame apart. Its fields' offsets count from the start of the frame.
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

-- ---------------------------------------------------------------------------------------------------------------
-- The window: two areas of bytes, written by spans

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

-- ---------------------------------------------------------------------------------------------------------------
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
    if index >= size then return string.format("descriptor %d is outside the table of %d", index, size) end
    if visited[index] then return "a chain that goes round in circles" end
    visited[index] = true
    local at = 16 * index
    local buffer = place_of(window_u32(place, at), window_u32(place, at + 4))
    local length, flags = window_u32(place, at + 8), window_u16(place, at + 12)
    if has(flags, 4) then
      if not is_outer then return "an indirect table inside an indirect table" end
      if length == 0 or length % 16 ~= 0 then return string.format("an indirect table of %d bytes", length) end
      return walk_table(buffer, length / 16, 0, buffers, false)
    end
    if not inside(buffer.area, buffer.offset, length) then
      return string.format("a buffer of %d bytes at %d:0x%x, outside the window", length, buffer.area, buffer.offset)
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

-- With VIRTIO_F_IN_ORDER one used element stands for all chains up to its own (2.7.9).
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

-- The parts of a queue that a run of bytes is: {title, device, queue, index name, index, fields, start in the area}
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

-- ---------------------------------------------------------------------------------------------------------------
-- Requests (virtio 1.4 5.16 I2C, 5.18 GPIO, 5.4 entropy, 5.3 console)

local function any_request(readable, writable, used)
  local r = new_reader(readable)
  r:bytes("readable")
  local sizes = string.format("%d bytes to read, %d to write", #readable, #writable)
  if not used then return sizes, r.found end
  local w = new_reader(writable, 0, used)
  w:bytes("writable")
  for _, found in ipairs(w.found) do r.found[#r.found + 1] = found end
  return string.format("%s: %d written", sizes, used), r.found
end

local function append(fields, more)
  for _, found in ipairs(more) do fields[#fields + 1] = found end
end

local function i2c_request(readable, writable, used)
  if #readable < 8 or #writable < 1 then return any_request(readable, writable, used) end
  local r = new_reader(readable)
  local address = math.floor(r:u16("i2c_addr", function(a) return string.format("0x%02x", math.floor(a / 2)) end) / 2)
  r:u16("i2c_padding")
  local flags = r:u32("i2c_flags", function(f)
    return bit_names(f % 4, { { 1, "FAIL_NEXT" }, { 2, "M_RD" } }) .. (f >= 4 and " | reserved bits" or "")
  end)
  r:bytes("i2c_write")
  local data = writable:sub(1, -2)
  local is_read = has(flags, 2)
  local what = is_read and string.format("read %d", #data)
    or #readable > 8 and "write " .. spaced_hex(readable:sub(9)) or "probe"
  local text = string.format("i2c 0x%02x ", address)
  if not used then return text .. what .. (has(flags, 1) and ", with the next" or ""), r.found end
  local w = new_reader(writable)
  w:bytes("i2c_read", #data)
  local code = w:u8("i2c_status", function(c) return ({ [0] = "OK", "ERROR" })[c] or "unknown" end)
  append(r.found, w.found)
  local result = is_read and code == 0 and "read " .. spaced_hex(data) or what
  return text .. result .. (code == 0 and "" or ": no answer"), r.found, code == 0
end

local function gpio_value(kind, value)
  if kind == 2 or kind == 3 then return GPIO_DIRECTIONS[value] or "" end
  if kind == 6 then return GPIO_IRQ_TYPES[value] or "" end
  return ""
end

local function shown_value(kind, value)
  local name = gpio_value(kind, value)
  return name ~= "" and name or tostring(value)
end

local function gpio_request(readable, writable, used)
  if #readable < 8 or #writable < 1 then return any_request(readable, writable, used) end
  local r = new_reader(readable)
  local kind = r:u16("gpio_type", function(k) return GPIO_TYPES[k] or "unknown" end)
  local line = r:u16("gpio_line")
  local value = r:u32("gpio_value", function(v) return gpio_value(kind, v) end)
  local name = GPIO_TYPES[kind] or string.format("request %d", kind)
  local text = kind == 1 and "gpio " .. name or string.format("gpio line %d %s", line, name)
  if kind == 3 or kind == 5 or kind == 6 then text = text .. " " .. shown_value(kind, value) end
  if not used then return text, r.found end
  local w = new_reader(writable)
  local code = w:u8("gpio_status", function(c) return c == 0 and "OK" or "ERROR" end)
  local answer
  if kind == 2 or kind == 4 then answer = w:u8("gpio_answer", function(v) return gpio_value(kind, v) end) end
  if kind == 1 then w:bytes("gpio_names") end
  append(r.found, w.found)
  if code ~= 0 then return text .. ": refused", r.found, false end
  return text .. (answer and " = " .. shown_value(kind, answer) or ""), r.found, true
end

local function gpio_interrupt(readable, writable, used)
  if #readable < 2 or #writable < 1 then return any_request(readable, writable, used) end
  local r = new_reader(readable)
  local line = r:u16("gpio_line")
  if not used then return string.format("gpio line %d waits for an interrupt", line), r.found end
  local w = new_reader(writable)
  local ok = w:u8("gpio_irq_status", function(c) return c == 1 and "VALID" or "INVALID" end) == 1
  append(r.found, w.found)
  return string.format("gpio line %d %s", line, ok and "interrupt" or "gives its buffer back"), r.found, ok
end

local function entropy_request(_, writable, used)
  if not used then return string.format("entropy: asks for %d bytes", #writable), {} end
  local r = new_reader(writable, 0, used)
  r:bytes("entropy")
  return "entropy: " .. spaced_hex(writable:sub(1, used)), r.found, used > 0
end

local function console_request(readable, writable, used)
  if #readable > 0 then
    local r = new_reader(readable)
    r:bytes("console_output")
    return "console output " .. quoted(readable), r.found, used and true or nil
  end
  if not used then return string.format("console: a buffer of %d bytes for input", #writable), {} end
  local r = new_reader(writable, 0, used)
  r:bytes("console_input")
  return "console input " .. quoted(writable:sub(1, used)), r.found, true
end

local function describe_request(device, queue, chain, used)
  local readable, writable = {}, {}
  for _, buffer in ipairs(chain.buffers) do
    local parts = buffer.is_writable and writable or readable
    parts[#parts + 1] = window_read(buffer.place.area, buffer.place.offset, buffer.length) or ""
  end
  local describe = ({ [34] = i2c_request, [4] = entropy_request, [3] = console_request,
    [41] = queue.index == 1 and gpio_interrupt or gpio_request })[device.id] or any_request
  local text, fields, ok = describe(table.concat(readable), table.concat(writable), used)
  return { device = device.number, queue = queue.index, head = chain.head, text = text, fields = fields, ok = ok,
    is_used = used ~= nil, remarks = {} }
end

-- ---------------------------------------------------------------------------------------------------------------
-- The conversation: answers, what devices are, and breaches. A remark is {severity, text, row}.

local function breach(remarks, row, text)
  remarks[#remarks + 1] = { severity = "breach", row = row, text = text }
end

local function warn(remarks, text) remarks[#remarks + 1] = { severity = "warning", text = text } end
local function note(remarks, text) remarks[#remarks + 1] = { severity = "note", text = text } end

local function check_set_vqueue(m, remarks)
  local flags, size = number_of(m.fields, "flags"), number_of(m.fields, "size")
  if flags >= 64 or number_of(m.fields, "reserved") ~= 0 then breach(remarks, "D48", "reserved bits are set") end
  if flags % 4 == 3 then breach(remarks, "D49", "the reserved state operation 3") end
  local power = size
  while power > 0 and power % 2 == 0 do power = power / 2 end
  if not has(flags, 4) and (power ~= 1 or size > 32768) then
    breach(remarks, "D51", string.format("a queue of %d descriptors: not a power of two up to 32768", size))
  end
  for _, entry in ipairs({ { "desc", 8, 16 }, { "driver", 16, 2 }, { "device", 32, 4 } }) do
    local address = value_of(m.fields, entry[1])
    if address and not has(flags, entry[2]) and address.low % entry[3] ~= 0 then
      breach(remarks, "D52", string.format("%s is not aligned to %d bytes", entry[1], entry[3]))
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
    local block = value("block_index")
    for _, found in ipairs(m.fields) do
      if found.name == "features" then
        if block == 1 and has(found.value, 2 ^ (RESERVED_FEATURE_NOTIF_CONFIG_DATA - 32)) then
          breach(remarks, "D26", "VIRTIO_F_NOTIF_CONFIG_DATA is taken")
        end
        block = block + 1
      end
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
    breach(remarks, "V47", string.format("%d of %d bytes applied: all or none", got("length"), asked("length")))
  end
  if response.id == GET_VQUEUE and got("index") ~= asked("index") then
    breach(remarks, "V54", string.format("queue %d where %d was asked for", got("index"), asked("index")))
  end
  if response.id == GET_CONFIG and (got("offset") ~= asked("offset") or got("length") ~= asked("length")) then
    breach(remarks, "V44", "another range than was asked for")
  end
end

-- Bits that are in `value`, and not in `mask`.
local function bits_beyond(value, mask)
  local rest = 0
  for bit = 0, 31 do
    if has(value, 2 ^ bit) and not has(mask, 2 ^ bit) then rest = rest + 2 ^ bit end
  end
  return rest
end

local function keep_blocks(blocks, m)
  local block = number_of(m.fields, "block_index")
  for _, found in ipairs(m.fields) do
    if found.name == "features" then
      if block <= 128 then blocks[block] = found.value end
      block = block + 1
    end
  end
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

-- Takes the next message; `entry` is what the tree will show of it.
local function follow_message(m, entry, direction, number, time)
  if m.malformed then return end
  local remarks = entry.remarks
  if state.max_message_size and m.size > state.max_message_size then
    breach(remarks, direction == "out" and "D1" or "V1",
      string.format("larger than the %d bytes allowed", state.max_message_size))
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

-- ---------------------------------------------------------------------------------------------------------------
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

-- Whether the receiver takes the packet's records; and what is remarkable about its header.
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
    warn(remarks, (behind == 0xff and "a packet" or string.format("%d packets", 0x100 - behind)) .. " before it got lost")
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
      warn(remarks, string.format("a span of %d bytes at %d:0x%x, outside the area of %d", span.length, area,
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
                warn(request.remarks, string.format("used length %d exceeds the chain's %d writable bytes", used.length,
                  writable_bytes(used.chain)))
              end
              span.requests[#span.requests + 1] = request
            end
          end
        end
      end
    end
  end
end

-- Everything that the tree shows of a packet beyond its bytes. Called once for each packet, in their order.
local function analyse(s, direction, number, time)
  local packet = { remarks = {} }
  state.number = number
  if #s < 5 then
    warn(packet.remarks, string.format("%d bytes are too short for a packet's header", #s))
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

-- ---------------------------------------------------------------------------------------------------------------
-- The tree

local function add_remarks(item, remarks)
  for _, remark in ipairs(remarks) do
    local kind = ({ breach = breach_expert, warning = warning_expert, note = note_expert })[remark.severity]
    item:add_proto_expert_info(kind, remark.row and string.format("%s: %s", remark.row, remark.text) or remark.text)
    if remark.row then item:add(field.row, remark.row):set_generated() end
  end
end

local function add_field(tree, found, range)
  local name, item = found.name, nil
  if name == "board" then item = tree:add(field.board, range, (found.value:gsub("%z.*$", "")))
  elseif type(found.value) == "string" then item = tree:add(field[name], range)
  else item = tree:add_le(field[name], range) end
  if found.meaning then
    item:append_text(" (" .. found.meaning .. ")")
    if name == "features" then
      for feature in found.meaning:gmatch("[^,]+") do item:add(field.feature, range, (feature:gsub("^ ", ""))) end
    end
  end
end

-- A field that lies in the window, and perhaps not in this packet: it has a value, and no bytes.
local function add_window_field(tree, found)
  local item
  if type(found.value) == "table" then
    item = tree:add(field[found.name], UInt64.new(found.value.low, found.value.high))
  elseif type(found.value) == "string" then
    item = tree:add(field[found.name], ByteArray.new((found.value:gsub(".", function(c)
      return string.format("%02x", string.byte(c))
    end))):tvb("virtio-msg window"):range())
  else item = tree:add(field[found.name], found.value) end
  item:set_generated()
  if found.meaning then item:append_text(" (" .. found.meaning .. ")") end
end

local function add_message(tree, buf, record)
  local m = record.message
  local title = m.is_bus and m.name or string.format("%s, device %d", m.name, m.dev_num)
  local item = tree:add(virtio_msg, buf(record.start, record.at + record.length - record.start),
    string.format("%s %s", title, m.kind))
  item:add(field.name, m.name):set_generated()
  item:add(field.kind, m.kind):set_generated()
  for _, found in ipairs(m.fields) do
    add_field(item, found, buf(record.at + found.offset, found.length))
  end
  if record.response_in then item:add(field.response_in, record.response_in):set_generated() end
  if record.response_to then
    item:add(field.response_to, record.response_to):set_generated()
    item:add(field.time, record.milliseconds):set_generated()
  end
  add_remarks(item, record.remarks)
end

local function add_request(tree, request)
  local item = tree:add(virtio_msg, string.format("%s, device %d, queue %d: %s",
    request.is_used and "Used" or "Available", request.device, request.queue, request.text))
  item:set_generated()
  item:add(field.request, request.text):set_generated()
  if request.ok ~= nil then item:add(field.request_ok, request.ok):set_generated() end
  item:add(field.head, request.head):set_generated()
  for _, found in ipairs(request.fields) do add_window_field(item, found) end
  if request.response_in then item:add(field.response_in, request.response_in):set_generated() end
  if request.response_to then
    item:add(field.response_to, request.response_to):set_generated()
    item:add(field.time, request.milliseconds):set_generated()
  end
  add_remarks(item, request.remarks)
end

local function add_span(tree, buf, span, area)
  local item = tree:add(virtio_msg, buf(span.start, span.at + span.length - span.start),
    string.format("Span: %d byte%s at %d:0x%04x", span.length, span.length == 1 and "" or "s", area, span.offset))
  item:add(field.span_offset, span.offset):set_generated()
  if span.length > 0 then item:add(field.span_data, buf(span.at, span.length)) end
  for _, record in ipairs(span.records) do
    local where = record.index and string.format(" %d", record.index) or ""
    local part = item:add(virtio_msg, string.format("%s%s of queue %d, device %d", record.title, where, record.queue,
      record.device))
    part:set_generated()
    if record.index then part:add(field[record.index_name], record.index):set_generated() end
    for _, found in ipairs(record.fields) do add_window_field(part, found) end
  end
  for _, request in ipairs(span.requests) do add_request(tree, request) end
end

-- The packet's flags in the capture say who sent it. (A field extractor would have nothing in Wireshark's first pass,
-- which makes no tree.)
local P2P_SENT = 0

local function direction_of(pinfo)
  return pinfo.p2p_dir == P2P_SENT and "out" or "in"
end

-- What stands in the list of packets: messages and requests, in their order.
local function summary(packet, s)
  local parts = {}
  if packet.is_ignored and #packet.records > 0 then parts[1] = "[taken no notice of]" end
  for _, record in ipairs(packet.records) do
    if record.kind == "message" then
      local m = record.message
      parts[#parts + 1] = m.name .. (m.kind == "response" and " response" or "")
        .. (m.malformed and " [malformed]" or "")
    else
      for _, request in ipairs(record.requests) do
        parts[#parts + 1] = (request.is_used and "< " or "> ") .. request.text
      end
    end
  end
  if #parts > 0 then return table.concat(parts, "; ") end
  if #packet.records > 0 then return "spans" end
  local flags = #s > 0 and bit_names(u8(s, 0), PACKET_FLAGS) or ""
  return flags ~= "" and flags or "acknowledgement"
end

function virtio_msg.init()
  state = { packets = {} }
end

function virtio_msg.dissector(buf, pinfo, root)
  local s = buf:len() > 0 and buf:raw(0, buf:len()) or ""
  local direction = direction_of(pinfo)
  local packet = state.packets[pinfo.number]
  if not packet then
    packet = analyse(s, direction, pinfo.number, pinfo.abs_ts)
    state.packets[pinfo.number] = packet
  end
  pinfo.cols.protocol = "virtio-msg"
  local from, to = "A7", "M4"
  if direction == "in" then from, to = to, from end
  pinfo.cols.src, pinfo.cols.dst = from, to
  pinfo.cols.info = summary(packet, s)
  local tree = root:add(virtio_msg, buf(), string.format("virtio-msg, %s to %s", from, to))
  if buf:len() >= 5 then
    tree:add(field.packet_flags, buf(0, 1)):append_text(" (" .. bit_names(u8(s, 0), PACKET_FLAGS) .. ")")
    tree:add_le(field.epoch, buf(1, 2))
    tree:add(field.sequence, buf(3, 1))
    tree:add(field.acknowledgement, buf(4, 1))
  end
  for _, record in ipairs(packet.records) do
    if record.kind == "message" then add_message(tree, buf, record)
    else add_span(tree, buf, record, direction == "out" and 1 or 2) end
  end
  add_remarks(tree, packet.remarks)
  return buf:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, virtio_msg)
