-- Names of numbers

local RESERVED_FEATURE_NOTIF_CONFIG_DATA = 39
local FEATURE_IN_ORDER = 35

local function has(value, bit)
  return math.floor(value / bit) % 2 == 1
end

-- "ACKNOWLEDGE | DRIVER" for 3. Bits without a name are shown as a number.
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

-- Rounded to a microsecond: time stamps are not more precise.
local function milliseconds_between(earlier, later)
  return math.floor(1e6 * (later - earlier) + 0.5) / 1000
end

-- The values of a table whose keys are numbers, in the order of the keys.
local function in_order(of)
  local keys, values = {}, {}
  for key in pairs(of) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do values[i] = of[key] end
  return ipairs(values)
end
