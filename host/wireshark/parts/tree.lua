-- The tree of fields that Wireshark shows

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

-- A field that is in the window, but perhaps not in this packet: it gets a value and no bytes.
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

-- Which packet has the answer to a message or request, or what this one answers.
local function add_answers(item, of)
  if of.response_in then item:add(field.response_in, of.response_in):set_generated() end
  if of.response_to then
    item:add(field.response_to, of.response_to):set_generated()
    item:add(field.time, of.milliseconds):set_generated()
  end
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
  add_answers(item, record)
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
  add_answers(item, request)
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

-- The packet's flags in the capture say who sent it. A field extractor is no use for this: Wireshark's first pass makes
-- no tree, so it would find nothing.
local P2P_SENT = 0

-- The text in the list of packets: messages and requests, in their order.
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
  local direction = pinfo.p2p_dir == P2P_SENT and "out" or "in"
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
