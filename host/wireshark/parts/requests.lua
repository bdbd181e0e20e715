-- Requests (virtio 1.4 5.16 I2C, 5.18 GPIO, 5.4 entropy, 5.3 console)

local function any_request(readable, writable, used)
  local r = new_reader(readable)
  r:bytes("readable")
  local sizes = string.format("%s to read, %d to write", counted(#readable, "byte"), #writable)
  if not used then return sizes, r.found end
  r:go_on(writable, used):bytes("writable")
  return string.format("%s: %d written", sizes, used), r.found
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
  local w = r:go_on(writable)
  w:bytes("i2c_read", #data)
  local code = w:u8("i2c_status", function(c) return ({ [0] = "OK", "ERROR" })[c] or "unknown" end)
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
  local w = r:go_on(writable)
  local code = w:u8("gpio_status", function(c) return c == 0 and "OK" or "ERROR" end)
  local answer
  if kind == 2 or kind == 4 then answer = w:u8("gpio_answer", function(v) return gpio_value(kind, v) end) end
  if kind == 1 then w:bytes("gpio_names") end
  if code ~= 0 then return text .. ": refused", r.found, false end
  return text .. (answer and " = " .. shown_value(kind, answer) or ""), r.found, true
end

local function gpio_interrupt(readable, writable, used)
  if #readable < 2 or #writable < 1 then return any_request(readable, writable, used) end
  local r = new_reader(readable)
  local line = r:u16("gpio_line")
  if not used then return string.format("gpio line %d waits for an interrupt", line), r.found end
  local w = r:go_on(writable)
  local ok = w:u8("gpio_irq_status", function(c) return c == 1 and "VALID" or "INVALID" end) == 1
  return string.format("gpio line %d %s", line, ok and "interrupt" or "gives its buffer back"), r.found, ok
end

local function entropy_request(_, writable, used)
  if not used then return "entropy: asks for " .. counted(#writable, "byte"), {} end
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
  if not used then return string.format("console: a buffer of %s for input", counted(#writable, "byte")), {} end
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
