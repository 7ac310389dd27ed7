-- Dissectors for the intentra protocol, version 1, for Wireshark and tshark. docs/PROTOCOL.md describes the same formats: the
-- fields have the names used there, and section numbers in this file refer to it. README.md says how to install this file. To
-- use it once:
--
--     tshark -X lua_script:intentra.lua -r capture.pcapng -Y intentra
--
-- There are three dissectors:
--
-- intentra: UDP datagrams. A heuristic finds well-formed ones; on a port that belongs to another protocol it needs
-- -o udp.try_heuristic_first:TRUE. To see malformed datagrams as well, name the ports with Decode As or a preference:
--
--     -d udp.port==4433,intentra
--     -o intentra.ports:4433,5000-5010
--
-- intentra_frames: the decrypted frames of one Data packet. intentra_hello: one decrypted Hello. Each record of a capture with
-- link type 147 (USER0) is one of these; "intentra replay --frames" writes such a file. In Wireshark the link type is
-- configured under Preferences, Protocols, DLT_USER. Both can also be chosen with Decode As for a UDP payload.
--
--     -o 'uat:user_dlts:"User 0 (DLT=147)","intentra_frames","0","","0",""'

local VERSION, HEADER, TAG = 1, 16, 16
local DATA, INIT, RESPONSE, FINAL, COOKIE = 1, 2, 3, 4, 5
local packet_types = { [DATA] = "Data", [INIT] = "Init", [RESPONSE] = "Response", [FINAL] = "Final", [COOKIE] = "Cookie" }
local suites = { [1] = "Noise_XX_25519_AESGCM_SHA256", [2] = "Noise_XX_25519_ChaChaPoly_SHA256" }

local PADDING, REALTIME, LATEST, RELIABLE, ACK, PING, CLOSE, CHALLENGE, PATH_RESPONSE, REKEY = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local FRAGMENT, GIVEN_UP, ACK_NOW, PROBE, ORIGIN, ACK_TIME = 10, 11, 12, 13, 14, 15
local frame_types = {
	[PADDING] = "Padding", [REALTIME] = "Realtime", [LATEST] = "Latest", [RELIABLE] = "Reliable", [ACK] = "ACK",
	[PING] = "Ping", [CLOSE] = "Close", [CHALLENGE] = "PathChallenge", [PATH_RESPONSE] = "PathResponse", [REKEY] = "Rekey",
	[FRAGMENT] = "Fragment", [GIVEN_UP] = "GivenUp", [ACK_NOW] = "AckNow", [PROBE] = "Probe", [ORIGIN] = "Origin",
	[ACK_TIME] = "AckTime",
}
local intents = { [REALTIME] = "Realtime", [LATEST] = "Latest", [RELIABLE] = "Reliable" }
local steps = { [0] = "Request", [1] = "Init", [2] = "Answer", [3] = "Final" }
local reasons = {
	[0] = "none", [1] = "closed", [2] = "shutdown", [3] = "replaced", [4] = "revoked", [5] = "violation", [6] = "slow",
	[7] = "keys_exhausted", [32] = "idle", [33] = "handshake_failed", [34] = "unanswered",
}

local intentra = Proto("intentra", "intentra")
local frames = Proto("intentra_frames", "intentra frames")
local hello = Proto("intentra_hello", "intentra Hello")

local p = {
	version = ProtoField.uint8("intentra.version", "Version", base.DEC, nil, 0xf0),
	type = ProtoField.uint8("intentra.type", "Packet type", base.DEC, packet_types, 0x0f),
	suite = ProtoField.uint8("intentra.suite", "Cipher suite", base.DEC, suites),
	reserved = ProtoField.bytes("intentra.reserved", "Reserved, zero"),
	receiver = ProtoField.uint32("intentra.receiver", "Receiver index", base.HEX),
	sender = ProtoField.uint32("intentra.sender", "Sender index", base.HEX),
	counter = ProtoField.uint64("intentra.counter", "Counter", base.DEC),
	frames = ProtoField.bytes("intentra.frames", "Frames, encrypted"),
	tag = ProtoField.bytes("intentra.tag", "Tag"),
	ephemeral = ProtoField.bytes("intentra.ephemeral", "Ephemeral public key"),
	padding = ProtoField.bytes("intentra.padding", "Payload of Noise message 1, zero"),
	static = ProtoField.bytes("intentra.static", "Static public key, encrypted"),
	static_tag = ProtoField.bytes("intentra.static_tag", "Tag of the static public key"),
	hello = ProtoField.bytes("intentra.hello", "Hello, encrypted"),
	hello_tag = ProtoField.bytes("intentra.hello_tag", "Tag of Hello"),
	cookie = ProtoField.bytes("intentra.cookie", "Cookie"),
	mac = ProtoField.bytes("intentra.mac", "MAC"),
}
intentra.fields = p

local h = {
	index = ProtoField.uint32("intentra.hello.index", "Index", base.HEX),
	capabilities = ProtoField.uint32("intentra.hello.capabilities", "Capabilities", base.HEX),
	packet_rate = ProtoField.uint32("intentra.hello.packet_rate", "PacketRate (packets/s)", base.DEC),
	packet_burst = ProtoField.uint32("intentra.hello.packet_burst", "PacketBurst (packets)", base.DEC),
	message_rate = ProtoField.uint32("intentra.hello.message_rate", "MessageRate (messages/s; 0: no limit)", base.DEC),
	byte_rate = ProtoField.uint32("intentra.hello.byte_rate", "ByteRate (1,024 bytes/s; 0: no limit)", base.DEC),
	idle_timeout = ProtoField.uint32("intentra.hello.idle_timeout", "IdleTimeout (ms)", base.DEC),
	instance = ProtoField.bytes("intentra.hello.instance", "Instance"),
	max_datagram = ProtoField.uint16("intentra.hello.max_datagram", "MaxDatagram (bytes)", base.DEC),
	window = ProtoField.uint16("intentra.hello.window", "Window (Reliable messages)", base.DEC),
	max_message = ProtoField.uint32("intentra.hello.max_message", "MaxMessage (bytes)", base.DEC),
	reserved = ProtoField.bytes("intentra.hello.reserved", "Reserved"),
}
hello.fields = h

local f = {
	frame = ProtoField.none("intentra.frame", "Frame"),
	type = ProtoField.uint8("intentra.frame.type", "Frame type", base.DEC, frame_types),
	padding = ProtoField.bytes("intentra.frame.padding", "Further Padding frames"),
	channel = ProtoField.uint32("intentra.frame.channel", "Channel", base.DEC),
	sequence = ProtoField.uint64("intentra.frame.sequence", "Sequence", base.DEC),
	distance = ProtoField.uint16("intentra.frame.distance", "Distance", base.DEC),
	length = ProtoField.uint32("intentra.frame.length", "Length", base.DEC),
	payload = ProtoField.bytes("intentra.frame.payload", "Payload"),
	epoch = ProtoField.uint8("intentra.frame.epoch", "Epoch, low 8 bits", base.DEC),
	delay = ProtoField.uint16("intentra.frame.delay", "Delay (units of 8 us)", base.DEC),
	largest = ProtoField.uint64("intentra.frame.largest", "Largest counter", base.DEC),
	reliable = ProtoField.uint64("intentra.frame.reliable", "Reliable, all below", base.DEC),
	bitmap_length = ProtoField.uint8("intentra.frame.bitmap_length", "Length of the bitmap", base.DEC),
	bitmap = ProtoField.bytes("intentra.frame.bitmap", "Bitmap"),
	acknowledged = ProtoField.string("intentra.frame.acknowledged", "Acknowledged counters"),
	reason = ProtoField.uint8("intentra.frame.reason", "Reason", base.DEC, reasons),
	token = ProtoField.bytes("intentra.frame.token", "Token"),
	step = ProtoField.uint8("intentra.frame.step", "Step", base.DEC, steps),
	message = ProtoField.bytes("intentra.frame.message", "Noise message"),
	ephemeral = ProtoField.bytes("intentra.frame.ephemeral", "Ephemeral public key"),
	index = ProtoField.uint32("intentra.frame.index", "New receiver index", base.HEX),
	static = ProtoField.bytes("intentra.frame.static", "Static public key, encrypted"),
	static_tag = ProtoField.bytes("intentra.frame.static_tag", "Tag of the static public key"),
	index_encrypted = ProtoField.bytes("intentra.frame.index_encrypted", "New receiver index, encrypted"),
	tag = ProtoField.bytes("intentra.frame.tag", "Tag of the payload"),
	intent = ProtoField.uint8("intentra.frame.intent", "Intent of the message", base.DEC, intents),
	counter = ProtoField.uint32("intentra.frame.counter", "Counter of the packet in which the message began", base.DEC),
	size = ProtoField.uint32("intentra.frame.size", "Size of the message", base.DEC),
	offset = ProtoField.uint32("intentra.frame.offset", "Offset in the message", base.DEC),
	time = ProtoField.uint64("intentra.frame.time", "Time of the sender's clock (us)", base.DEC),
	error = ProtoField.uint32("intentra.frame.error", "Error of the time (us)", base.DEC),
}
frames.fields = f

local function malformed(name, text) return ProtoExpert.new(name, text, expert.group.MALFORMED, expert.severity.ERROR) end
local function doubtful(name, text) return ProtoExpert.new(name, text, expert.group.PROTOCOL, expert.severity.WARN) end

-- A receiver drops a packet with one of the first five faults when it parses the header.
local e = {
	short = malformed("intentra.fault.short", "Shorter than its type can be"),
	version = malformed("intentra.fault.version", "Unknown version"),
	type = malformed("intentra.fault.type", "Unknown packet type"),
	reserved = malformed("intentra.fault.reserved", "A reserved bit is set, an index is wrong, or the suite is unknown"),
	length = malformed("intentra.fault.length", "Length differs from that of its type"),
	padding = doubtful("intentra.fault.padding", "Padding of Init is not zero"),
	counter = doubtful("intentra.fault.counter", "Counter of 2^28 or above"),
	cut = ProtoExpert.new("intentra.fault.cut", "Truncated by the capture", expert.group.UNDECODED, expert.severity.NOTE),
}
intentra.experts = e

local invalid_hello = malformed("intentra.hello.invalid", "Hello violates section 2")
hello.experts = { invalid_hello }

local fe = {
	malformed = malformed("intentra.frame.malformed", "Malformed frame"),
	message = doubtful("intentra.frame.message_length", "Length is not that of a Noise message of this step"),
}
frames.experts = fe

-- Packets (section 2).

local header = {
	[DATA] = { { p.reserved, 3 }, { p.receiver, 4 }, { p.counter, 8 } },
	[INIT] = { { p.suite, 1 }, { p.reserved, 2 }, { p.receiver, 4 }, { p.sender, 4 }, { p.reserved, 4 } },
}
local handshake_header = { { p.suite, 1 }, { p.reserved, 2 }, { p.receiver, 4 }, { p.reserved, 8 } }

-- The fields after the header of handshake packets.
local layouts = {
	[INIT] = { { p.ephemeral, 32 }, { p.padding, 96 }, { p.cookie, 16 } },
	[RESPONSE] = { { p.ephemeral, 32 }, { p.static, 32 }, { p.static_tag, 16 }, { p.hello, 48 }, { p.hello_tag, 16 } },
	[FINAL] = { { p.static, 32 }, { p.static_tag, 16 }, { p.hello, 48 }, { p.hello_tag, 16 } },
	[COOKIE] = { { p.cookie, 16 }, { p.mac, 16 } },
}

local function size_of(layout)
	local size = 0
	for _, field in ipairs(layout) do
		size = size + field[2]
	end
	return size
end

-- Adds the completely captured fields of layout, starting at offset at. Returns the offset after them.
local function add_layout(tree, tvb, at, layout)
	for _, field in ipairs(layout) do
		if at + field[2] > tvb:captured_len() then
			break
		end
		tree:add(field[1], tvb(at, field[2]))
		at = at + field[2]
	end
	return at
end

local function is_zero(range) return not range:bytes():tohex():find("[^0]") end

local function handshake_fault(tvb, kind)
	local rest, indexes = tvb(8, 8), true
	if kind == INIT then
		rest, indexes = tvb(12, 4), tvb(4, 4):uint() == 0 and tvb(8, 4):uint() ~= 0
	end
	if not (indexes and is_zero(rest) and is_zero(tvb(2, 2)) and suites[tvb(1, 1):uint()]) then
		return e.reserved
	elseif tvb:reported_len() ~= HEADER + size_of(layouts[kind]) then
		return e.length
	end
end

-- Returns the first fault for which a receiver must drop the datagram, or nil. A truncated header is e.cut.
local function fault(tvb)
	local size = tvb:reported_len()
	if size < HEADER then
		return e.short
	elseif tvb:captured_len() < HEADER then
		return e.cut
	elseif tvb(0, 1):bitfield(0, 4) ~= VERSION then
		return e.version
	end
	local kind = tvb(0, 1):bitfield(4, 4)
	if not packet_types[kind] then
		return e.type
	elseif kind ~= DATA then
		return handshake_fault(tvb, kind)
	elseif not is_zero(tvb(1, 3)) then
		return e.reserved
	elseif size < HEADER + TAG then
		return e.short
	end
end

-- Section 4: a counter must be below 2^28.
local function counter_is_valid(tvb) return is_zero(tvb(8, 4)) and tvb(12, 1):bitfield(0, 4) == 0 end

-- Adds the fields after the header of a Data packet. Returns the text for the Info column.
local function add_data(tree, tvb)
	local captured = tvb:captured_len()
	local n = tvb:reported_len() - HEADER - TAG
	if n > 0 and captured > HEADER then
		tree:add(p.frames, tvb(HEADER, math.min(n, captured - HEADER)))
	end
	if n >= 0 and captured >= HEADER + n + TAG then
		tree:add(p.tag, tvb(HEADER + n, TAG))
	end
	if not counter_is_valid(tvb) then
		tree:add_proto_expert_info(e.counter)
	end
	return string.format("Data, receiver 0x%08x, counter %s, %d bytes of frames", tvb(4, 4):uint(), tostring(tvb(8, 8):uint64()),
		math.max(n, 0))
end

-- Does what add_data does, for a handshake packet.
local function add_handshake(tree, tvb, kind)
	local stop = add_layout(tree, tvb, HEADER, layouts[kind])
	if kind ~= INIT then
		return string.format("%s, receiver 0x%08x", packet_types[kind], tvb(4, 4):uint())
	elseif stop >= 144 and not is_zero(tvb(48, 96)) then
		tree:add_proto_expert_info(e.padding)
	end
	local cookie = stop == 160 and not is_zero(tvb(144, 16)) and "cookie" or "no cookie"
	return string.format("Init, sender 0x%08x, %s", tvb(8, 4):uint(), cookie)
end

-- Reports whether tvb consists of datagrams of size bytes, the last of which may be shorter, that one sender may have produced:
-- all are well-formed, and counters increase from one datagram to the next with the same index.
local function is_run(tvb, size)
	local whole, last, before = tvb:captured_len(), nil, nil
	for at = 0, whole - 1, size do
		local packet = tvb:range(at, math.min(size, whole - at)):tvb()
		if fault(packet) then
			return false
		end
		local index, counter = nil, nil
		if packet(0, 1):bitfield(4, 4) == DATA then
			index, counter = packet(4, 4):uint(), packet(12, 4):uint()
			if not counter_is_valid(packet) or index == last and counter <= before then
				return false
			end
		end
		last, before = index, counter
	end
	return true
end

-- Returns the length of the first datagram in tvb. With segmentation offload (GSO), a capture on the sending machine contains a
-- run of datagrams as one packet: all have the same length, except that the last may be shorter. The length of a leading
-- handshake packet follows from its type. After a leading Data packet it is the smallest length at which every following
-- datagram starts with a well-formed header.
local function segment(tvb)
	local whole, least = tvb:raw(), HEADER + TAG
	if #whole < 2 * least then
		return #whole
	end
	local layout = layouts[tvb(0, 1):bitfield(4, 4)]
	if layout then
		local size = HEADER + size_of(layout)
		return size < #whole and is_run(tvb, size) and size or #whole
	end
	local size = least
	while true do
		-- Version and type, the suite or zero, then two zeros.
		local at = whole:find("[\17-\21][%z\1\2]%z%z", size + 1)
		if not at then
			return #whole
		end
		size = at - 1
		if is_run(tvb, size) then
			return size
		end
		size = size + 1
	end
end

local one

function intentra.dissector(tvb, pinfo, root)
	local captured = tvb:captured_len()
	local size = captured == tvb:reported_len() and captured > 0 and segment(tvb) or captured
	if size == captured then
		return one(tvb, pinfo, root)
	end
	local first
	for at = 0, captured - 1, size do
		one(tvb:range(at, math.min(size, captured - at)):tvb(), pinfo, root)
		first = first or tostring(pinfo.cols.info)
	end
	pinfo.cols.info = string.format("%s (and %d more, captured before segmentation)", first, math.ceil(captured / size) - 1)
	return captured
end

-- Dissects one datagram.
function one(tvb, pinfo, root)
	local size, captured = tvb:reported_len(), tvb:captured_len()
	local tree = root:add(intentra, tvb())
	pinfo.cols.protocol = "intentra"
	pinfo.cols.info = "malformed"
	local wrong = fault(tvb) or captured < size and e.cut
	if wrong then
		tree:add_proto_expert_info(wrong)
	end
	if captured == 0 then
		return size
	end
	tree:add(p.version, tvb(0, 1))
	tree:add(p.type, tvb(0, 1))
	if wrong == e.version or wrong == e.type then
		return size -- another version may use any layout after its first byte
	end
	local kind = tvb(0, 1):bitfield(4, 4)
	if add_layout(tree, tvb, 1, header[kind] or handshake_header) < HEADER then
		return size
	end
	local info = kind == DATA and add_data(tree, tvb) or add_handshake(tree, tvb, kind)
	if wrong and wrong ~= e.cut then
		info = info .. " (malformed)"
	end
	pinfo.cols.info = info
	tree:append_text(", " .. info)
	return size
end

-- Accepts datagrams whose header no receiver would drop. At least 68 bits of it are fixed, so datagrams of other protocols are
-- practically never accepted.
local function heuristic(tvb, pinfo, root)
	local head = tvb
	if tvb:captured_len() == tvb:reported_len() and tvb:captured_len() > 0 then
		head = tvb:range(0, segment(tvb)):tvb()
	end
	if fault(head) or head(0, 1):bitfield(4, 4) == DATA and not counter_is_valid(head) then
		return false
	end
	intentra.dissector(tvb, pinfo, root)
	return true
end

-- Hello (section 2).

local hello_layout = {
	{ h.index, 4 }, { h.capabilities, 4 }, { h.packet_rate, 4 }, { h.packet_burst, 4 }, { h.message_rate, 4 }, { h.byte_rate, 4 },
	{ h.idle_timeout, 4 }, { h.instance, 8 }, { h.max_datagram, 2 }, { h.window, 2 }, { h.max_message, 4 }, { h.reserved, 4 },
}

function hello.dissector(tvb, pinfo, root)
	pinfo.cols.protocol = "intentra_hello"
	pinfo.cols.info = "Hello"
	local tree = root:add(hello, tvb())
	local at = add_layout(tree, tvb, 0, hello_layout)
	if at ~= 48 or tvb:reported_len() ~= at or tvb(0, 4):uint() == 0 or tvb(8, 4):uint() == 0 or tvb(12, 4):uint() == 0
		or tvb(24, 4):uint() == 0 or tvb(36, 2):uint() < 256 or tvb(38, 2):uint() < 1024 then
		tree:add_proto_expert_info(invalid_hello)
	end
	return tvb:reported_len()
end

-- Frames (sections 5 to 7).

-- A Cursor reads fields from a plaintext and adds them to the tree of the current frame. After the first malformed field it is
-- done: it adds nothing more, and its results are meaningless.
local Cursor = {}
Cursor.__index = Cursor

function Cursor:malformed(text)
	if not self.done then
		self.tree:add_proto_expert_info(fe.malformed, text)
		self.done = true
	end
end

function Cursor:left() return self.tvb:captured_len() - self.at end

-- Reads size bytes. Returns them, or nil if the cursor is done.
function Cursor:skip(size)
	if size > self:left() then
		self:malformed("the plaintext ends inside a frame")
	end
	if self.done then
		return nil
	end
	self.at = self.at + size
	return self.tvb(self.at - size, size)
end

-- Reads a field of size bytes and adds it unless it is empty. Returns the bytes, or nil if the cursor is done.
function Cursor:take(field, size)
	local range = self:skip(size)
	if range and size > 0 then
		self.tree:add(field, range)
	end
	return range
end

-- Reads a number of 1, 2, 4 or 8 bytes. One of 8 bytes is returned as a UInt64.
function Cursor:number(field, size)
	local range = self:take(field, size)
	if size == 8 then
		return range and range:uint64() or UInt64(0)
	end
	return range and range:uint() or 0
end

local sizes = { [0] = 1, [1] = 2, [2] = 4, [3] = 8 }               -- of a varint, by its two most significant bits
local least = { [1] = 0, [2] = 64, [4] = 16384, [8] = 1073741824 } -- the smallest value that needs that size

-- Reads a varint (RFC 9000 section 16), which must be below 2^32 and in its shortest form.
function Cursor:varint(field)
	local size = self:left() > 0 and sizes[self.tvb(self.at, 1):bitfield(0, 2)] or 1
	local range = self:skip(size)
	if not range then
		return 0
	end
	local above = size == 8 and range:bitfield(2, 30) or 0
	local value = size == 8 and range(4, 4):uint() or range:bitfield(2, math.min(8 * size - 2, 30))
	self.tree:add(field, range, value)
	if above ~= 0 then
		self:malformed("a varint of 2^32 or above")
	elseif value < least[size] then
		self:malformed("a varint that is not in its shortest form")
	end
	return value
end

-- Reads a length and as many bytes after it. Returns the length.
function Cursor:payload(field)
	local size = self:varint(f.length)
	self:take(field, size)
	return size
end

local function padding(c)
	local n = 0
	while n < c:left() and c.tvb(c.at + n, 1):uint() == PADDING do
		n = n + 1
	end
	c:take(f.padding, n)
	return string.format("%d bytes", 1 + n)
end

local function message(c) -- Realtime and Latest
	local channel = c:varint(f.channel)
	return string.format("channel %d, %d bytes", channel, c:payload(f.payload))
end

-- Reads sequence and distance, and returns the sequence.
local function sequence_number(c)
	local sequence = c:number(f.sequence, 8)
	local distance = c:number(f.distance, 2)
	if distance > 4095 or UInt64(distance) > sequence then
		c:malformed("a distance above 4,095 or above the sequence")
	end
	return sequence
end

local function reliable(c)
	local channel = c:varint(f.channel)
	local sequence = sequence_number(c)
	return string.format("channel %d, sequence %s, %d bytes", channel, tostring(sequence), c:payload(f.payload))
end

-- Returns what is wrong with a fragment of n bytes, or nil.
local function fragment_fault(intent, size, offset, n)
	if size > (intent == RELIABLE and 1048576 or 65536) then
		return "a message above 1 MiB, or above 64 KiB if it is not Reliable"
	elseif offset >= size or n == 0 or n > size - offset then
		return "a fragment that is empty or outside of its message"
	elseif offset % 64 ~= 0 or n % 64 ~= 0 and n ~= size - offset then
		return "a fragment that is not in units of 64 bytes"
	end
end

local function fragment(c)
	local intent = c:number(f.intent, 1)
	if not intents[intent] then
		c:malformed("an intent that does not exist")
	end
	local channel = c:varint(f.channel)
	local number
	if intent == RELIABLE then
		number = "sequence " .. tostring(sequence_number(c))
	else
		local epoch, counter = c:number(f.epoch, 1), c:number(f.counter, 4)
		if counter >= 268435456 then
			c:malformed("a counter of 2^28 or above")
		end
		number = string.format("number %d/%d", epoch, counter)
	end
	local size, offset = c:varint(f.size), c:varint(f.offset)
	local n = c:payload(f.payload)
	local wrong = fragment_fault(intent, size, offset, n)
	if wrong then
		c:malformed(wrong)
	end
	return string.format("%s, channel %d, %s, %d bytes from %d of %d", intents[intent] or "?", channel, number, n, offset, size)
end

-- Returns the counters that largest and bitmap acknowledge, as text, and the distance of the lowest from largest.
local function acknowledged(largest, bitmap)
	local named, distance = { tostring(largest) }, 0
	for i = 0, 8 * bitmap:len() - 1 do
		if bitmap(math.floor(i / 8), 1):bitfield(7 - i % 8, 1) == 1 then -- bitfield numbers bits from the most significant one
			distance = i + 1
			table.insert(named, tostring(largest - UInt64(distance)))
		end
	end
	return table.concat(named, ", "), distance
end

local function ack(c)
	local epoch = c:number(f.epoch, 1)
	c:number(f.delay, 2)
	local largest = c:number(f.largest, 8)
	c:number(f.reliable, 8)
	local n = c:number(f.bitmap_length, 1)
	if n > 128 then
		c:malformed("a bitmap of more than 128 bytes")
	end
	local bitmap = n > 0 and c:take(f.bitmap, n)
	local counters, distance = tostring(largest), 0
	if bitmap then
		counters, distance = acknowledged(largest, bitmap)
		if bitmap(n - 1, 1):uint() == 0 then
			c:malformed("a bitmap whose last byte is zero")
		elseif UInt64(distance) > largest then
			c:malformed("a bit for a counter below zero")
		end
	end
	if not c.done then
		c.tree:add(f.acknowledged, c.tvb(c.at, 0), counters):set_generated()
	end
	return string.format("epoch %d, largest counter %s", epoch, tostring(largest))
end

local function close(c) return reasons[c:number(f.reason, 1)] or "unknown" end
local function path(c) c:take(f.token, 8) end -- PathChallenge and PathResponse

-- The Noise messages of a rekey (section 7), by step.
local rekey_messages = {
	[0] = {},
	[1] = { { f.ephemeral, 32 }, { f.index, 4 } },
	[2] = { { f.ephemeral, 32 }, { f.static, 32 }, { f.static_tag, 16 }, { f.index_encrypted, 4 }, { f.tag, 16 } },
	[3] = { { f.static, 32 }, { f.static_tag, 16 }, { f.tag, 16 } },
}

local function rekey(c)
	local step = c:number(f.step, 1)
	if not steps[step] then
		c:malformed("a step above 3")
	end
	local size = c:payload(f.message)
	if step == 0 and size > 0 then
		c:malformed("a Request with a message")
	elseif not c.done and size ~= size_of(rekey_messages[step]) then
		c.tree:add_proto_expert_info(fe.message)
	elseif not c.done then
		add_layout(c.tree, c.tvb, c.at - size, rekey_messages[step])
	end
	return steps[step]
end

local function probe(c)
	local size = c:varint(f.length)
	local zeros = c:take(f.payload, size)
	for i = 0, zeros and size - 1 or -1 do
		if zeros(i, 1):uint() ~= 0 then
			c:malformed("a Probe with a byte that is not zero")
			break
		end
	end
	return string.format("%d zero bytes", size)
end

local function given_up(c)
	local channel = c:varint(f.channel)
	return string.format("channel %d, sequence %s", channel, tostring(sequence_number(c)))
end

local function time(c)
	local range = c:take(f.time, 8)
	if range and range(0, 1):bitfield(0, 4) ~= 0 then
		c:malformed("a time of 2^60 or above")
	end
	return string.format("%s us", range and tostring(range:uint64()) or "?")
end

local function origin(c)
	local at = time(c)
	return string.format("%s, within %d us", at, c:varint(f.error))
end

-- A frame that a later version may define, which receivers skip (section 12).
local function extension(c) c:payload(f.payload) end

local frame_dissectors = {
	[PADDING] = padding, [REALTIME] = message, [LATEST] = message, [RELIABLE] = reliable, [ACK] = ack,
	[CLOSE] = close, [CHALLENGE] = path, [PATH_RESPONSE] = path, [REKEY] = rekey,
	[FRAGMENT] = fragment, [GIVEN_UP] = given_up, [PROBE] = probe, [ORIGIN] = origin, [ACK_TIME] = time,
}

-- Frames that an Origin may precede.
local has_origin = { [REALTIME] = true, [LATEST] = true, [RELIABLE] = true, [FRAGMENT] = true }

-- Reports a frame that is in the wrong place after another (section 5.5). At the end of the plaintext kind is nil.
local function check_place(c, kind)
	if c.before == ORIGIN and not has_origin[kind] then
		c:malformed("an Origin that precedes no message")
	elseif kind == ACK_TIME and c.before ~= ACK then
		c:malformed("an AckTime that follows no ACK")
	end
	c.before = kind
end

-- Adds the frame at the cursor. Returns its name.
local function add_frame(c, root)
	local start = c.at
	c.tree = root:add(f.frame, c.tvb(start))
	local kind = c:number(f.type, 1)
	check_place(c, kind)
	local name, dissect = frame_types[kind], frame_dissectors[kind]
	if not name and kind >= 0x20 and kind <= 0x5f then
		name, dissect = string.format("Extension 0x%02x", kind), extension
	elseif not name then
		c:malformed(string.format("frame type %d is unknown", kind))
		return "unknown"
	end
	local detail = dissect and dissect(c)
	c.tree:set_len(c.at - start)
	c.tree:set_text(detail and not c.done and name .. ", " .. detail or name)
	if kind == CLOSE or kind == REKEY then
		name = string.format("%s (%s)", name, detail)
	end
	return name
end

function frames.dissector(tvb, pinfo, root)
	pinfo.cols.protocol = "intentra_frames"
	local tree = root:add(frames, tvb())
	local c = setmetatable({ tvb = tvb, at = 0, done = false, tree = tree }, Cursor)
	if tvb:captured_len() == 0 then
		c:malformed("no frame")
	end
	local names = {}
	while not c.done and c:left() > 0 do
		table.insert(names, add_frame(c, tree))
	end
	check_place(c, nil)
	pinfo.cols.info = table.concat(names, ", ") .. (c.done and " (malformed)" or "")
	return tvb:reported_len()
end

-- Registration.

local udp = DissectorTable.get("udp.port")
intentra.prefs.ports = Pref.range("UDP ports", "", "UDP ports whose datagrams are always dissected as intentra", 65535)
local ports = intentra.prefs.ports

function intentra.prefs_changed()
	udp:remove(ports, intentra)
	ports = intentra.prefs.ports
	udp:add(ports, intentra)
end

intentra:register_heuristic("udp", heuristic)
udp:add_for_decode_as(intentra)
udp:add_for_decode_as(frames)
udp:add_for_decode_as(hello)
