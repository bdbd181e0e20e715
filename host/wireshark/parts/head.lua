-- Wireshark's dissector for virtio-msg over the serial mailbox bus (docs/bus.md, docs/wireshark.md).
--
-- Captures come from `virtio-msg --trace FILE.pcapng`. Their link type is USER0. Each mailbox packet is one frame, on
-- the interface of its sender (A7 or M4). This is one file, so that it is easy to put into Wireshark's plugin folder.
-- host/wireshark/build.mjs makes it from the parts there. The names of fields and the breaches that are found are
-- those of host/src/trace. A test compares the two.

local virtio_msg = Proto("virtio_msg", "virtio-msg")

-- "1 byte", "2 bytes"
local function counted(count, noun) return string.format("%d %s%s", count, noun, count == 1 and "" or "s") end
