-- Fields. A field of a message, a descriptor, a ring or a request has the same name everywhere.

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
