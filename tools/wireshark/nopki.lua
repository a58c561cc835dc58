-- Shows nopki's channels in Wireshark and tshark: docs/protocol.md, both versions. No port has to be named: a connection is known by
-- the first four bytes of its hello.
--
--   tshark -X lua_script:nopki.lua -r traffic.pcap
--   Wireshark: copy this file into the folder of Help, About, Folders, Personal Lua Plugins

local nopki = Proto("nopki", "nopki secure channel")

-- TABLES
-- Made by tools/wireshark/tables.js from src/inspect/layouts.ts. At or above 0, an offset counts from the start of a message, and a
-- length is one; below 0, both count from the end of it.
local VERSION_1 = 1852142159
local VERSION_2 = 845901934
local VERSION_REJECT = 1382772846
local VERSIONS = { [845901934] = "version 2", [1382772846] = "reject of version 2", [1852142159] = "version 1" }
local RECORD_MIN = 21
local RECORD_MAX = { record1 = 16384, record2 = 65535 }
local FOLLOWERS = {
  hello1 = { [1] = "response" },
  hello2 = { [2] = "response" },
  challenge1 = { [1] = "header" },
  challenge2 = { [2] = "record2" },
  response = { [1] = "header", [2] = "record2" },
  reject = {  },
  header = { [1] = "record1" },
  record1 = { [1] = "record1" },
  record2 = { [2] = "record2" },
}
local LAYOUTS = {
  hello1 = { title = "hello, version 1", length = 108, fields = {
    { "hello1.version", "version", "version", 0, 4 },
    { "hello1.client_session_public_key", "client session public key", "key", 4, 32 },
    { "hello1.expected_server_key", "expected server key", "box", 36, 72, {
      { "hello1.expected_server_key.data_sealed", "data (sealed)", "sealed", 36, 32 },
      { "hello1.expected_server_key.mac", "mac", "mac", 68, 16 },
      { "hello1.expected_server_key.nonce", "nonce", "nonce", 84, 24 },
    } },
  } },
  hello2 = { title = "hello, version 2", length = 1292, fields = {
    { "hello2.version", "version", "version", 0, 4 },
    { "hello2.client_session_public_key", "client session public key", "key", 4, 32 },
    { "hello2.ml_kem_768_public_key", "ML-KEM-768 public key", "key", 36, 1184 },
    { "hello2.expected_server_key", "expected server key", "box", 1220, 72, {
      { "hello2.expected_server_key.data_sealed", "data (sealed)", "sealed", 1220, 32 },
      { "hello2.expected_server_key.mac", "mac", "mac", 1252, 16 },
      { "hello2.expected_server_key.nonce", "nonce", "nonce", 1268, 24 },
    } },
  } },
  challenge1 = { title = "challenge, version 1", length = 176, fields = {
    { "challenge1.server_session_public_key", "server session public key", "key", 0, 32 },
    { "challenge1.server_long_term_key", "server long-term key", "box", 32, 72, {
      { "challenge1.server_long_term_key.data_sealed", "data (sealed)", "sealed", 32, 32 },
      { "challenge1.server_long_term_key.mac", "mac", "mac", 64, 16 },
      { "challenge1.server_long_term_key.nonce", "nonce", "nonce", 80, 24 },
    } },
    { "challenge1.proof", "proof", "box", 104, 72, {
      { "challenge1.proof.data_sealed", "data (sealed)", "sealed", 104, 32 },
      { "challenge1.proof.mac", "mac", "mac", 136, 16 },
      { "challenge1.proof.nonce", "nonce", "nonce", 152, 24 },
    } },
  } },
  challenge2 = { title = "challenge, version 2", length = 1268, fields = {
    { "challenge2.version", "version", "version", 0, 4 },
    { "challenge2.server_session_public_key", "server session public key", "key", 4, 32 },
    { "challenge2.ml_kem_768_ciphertext", "ML-KEM-768 ciphertext", "key", 36, 1088 },
    { "challenge2.server_long_term_key", "server long-term key", "box", 1124, 72, {
      { "challenge2.server_long_term_key.data_sealed", "data (sealed)", "sealed", 1124, 32 },
      { "challenge2.server_long_term_key.mac", "mac", "mac", 1156, 16 },
      { "challenge2.server_long_term_key.nonce", "nonce", "nonce", 1172, 24 },
    } },
    { "challenge2.proof", "proof", "box", 1196, 72, {
      { "challenge2.proof.data_sealed", "data (sealed)", "sealed", 1196, 32 },
      { "challenge2.proof.mac", "mac", "mac", 1228, 16 },
      { "challenge2.proof.nonce", "nonce", "nonce", 1244, 24 },
    } },
  } },
  response = { title = "response", length = 144, fields = {
    { "response.client_long_term_key", "client long-term key", "box", 0, 72, {
      { "response.client_long_term_key.data_sealed", "data (sealed)", "sealed", 0, 32 },
      { "response.client_long_term_key.mac", "mac", "mac", 32, 16 },
      { "response.client_long_term_key.nonce", "nonce", "nonce", 48, 24 },
    } },
    { "response.answer", "answer", "box", 72, 72, {
      { "response.answer.data_sealed", "data (sealed)", "sealed", 72, 32 },
      { "response.answer.mac", "mac", "mac", 104, 16 },
      { "response.answer.nonce", "nonce", "nonce", 120, 24 },
    } },
  } },
  reject = { title = "reject, version 2", length = 76, fields = {
    { "reject.version", "version", "version", 0, 4 },
    { "reject.reason", "reason", "box", 4, 72, {
      { "reject.reason.data_sealed", "data (sealed)", "sealed", 4, 32 },
      { "reject.reason.mac", "mac", "mac", 36, 16 },
      { "reject.reason.nonce", "nonce", "nonce", 52, 24 },
    } },
  } },
  header = { title = "stream header, version 1", length = 24, fields = {
    { "header.stream_header", "stream header", "nonce", 0, 24 },
  } },
  record1 = { title = "record, version 1", fields = {
    { "record1.length", "length", "length", 0, 2 },
    { "record1.tag_sealed", "tag (sealed)", "sealed", 2, 1 },
    { "record1.plaintext_sealed", "plaintext (sealed)", "sealed", 3, -19 },
    { "record1.mac", "mac", "mac", -16, 16 },
  } },
  record2 = { title = "record, version 2", fields = {
    { "record2.length", "length", "length", 0, 2 },
    { "record2.plaintext_sealed", "plaintext (sealed)", "sealed", 2, -18 },
    { "record2.mac", "mac", "mac", -16, 16 },
  } },
}
-- /TABLES

local from_field = ProtoField.string("nopki.from", "From")
local counter_field = ProtoField.uint32("nopki.counter", "Counter: records of this direction ahead of it")
local forbidden = ProtoExpert.new("nopki.forbidden", "No record has this length", expert.group.PROTOCOL, expert.severity.ERROR)
local all = { from_field, counter_field }

-- A ProtoField for each field of each table, kept in the field's own entry.
local function define(list)
  for _, field in ipairs(list) do
    local abbr, name, kind = "nopki." .. field[1], field[2], field[3]
    if kind == "version" then
      field.proto = ProtoField.uint32(abbr, name, base.HEX, VERSIONS)
    elseif kind == "length" then
      field.proto = ProtoField.uint16(abbr, name, base.DEC)
    else
      field.proto = ProtoField.bytes(abbr, name)
    end
    table.insert(all, field.proto)
    if field[6] then define(field[6]) end
  end
end
for _, layout in pairs(LAYOUTS) do define(layout.fields) end
nopki.fields = all
nopki.experts = { forbidden }

local tcp_stream = Field.new("tcp.stream")

-- By TCP stream: who the client is, the version, and of each direction which message comes next and how many records have gone by.
local streams = {}
-- What a piece of a frame started with, when it was seen first: Wireshark comes back to it.
local starts = {}

function nopki.init()
  streams = {}
  starts = {}
end

local function add_fields(list, tvb, offset, total, tree)
  for _, field in ipairs(list) do
    local at, length = field[4], field[5]
    if at < 0 then at = total + at end
    if length < 0 then length = total + length end
    local range = tvb(offset + at, length)
    local item = (field[3] == "version" or field[3] == "length") and tree:add_le(field.proto, range) or tree:add(field.proto, range)
    if field[6] then add_fields(field[6], tvb, offset, total, item) end
  end
end

-- What the server's first message is: version 1's challenge has no version.
local function first_of_server(stream, tvb)
  if stream.version == 1 then return "challenge1" end
  if tvb:len() < 4 then return nil, DESEGMENT_ONE_MORE_SEGMENT end
  local version = tvb(0, 4):le_uint()
  if version == VERSION_REJECT then return "reject" end
  if version == VERSION_2 then return "challenge2" end
end

-- How long the message is, as far as its first bytes are there; how many are missing to know it.
local function length_of(kind, tvb, offset)
  local layout = LAYOUTS[kind]
  if layout.length then return layout.length end
  if tvb:len() - offset < 2 then return nil, DESEGMENT_ONE_MORE_SEGMENT end
  return tvb(offset, 2):le_uint()
end

local function is_forbidden(kind, length)
  local most = RECORD_MAX[kind]
  return most ~= nil and (length < RECORD_MIN or length > most)
end

local function add_message(kind, state, from, tvb, offset, total, tree)
  local layout = LAYOUTS[kind]
  local item = tree:add(nopki, tvb(offset, total), "nopki, " .. layout.title .. ", from the " .. from)
  item:add(from_field, from):set_generated()
  if RECORD_MAX[kind] then item:add(counter_field, state.records):set_generated() end
  add_fields(layout.fields, tvb, offset, total, item)
end

local function dissect(stream, from, tvb, pinfo, tree)
  local state = stream[from]
  local key = pinfo.number .. "/" .. tvb:len()
  if pinfo.visited and starts[key] then
    state = { next = starts[key].next, records = starts[key].records }
  elseif not pinfo.visited then
    starts[key] = { next = state.next, records = state.records }
  end
  pinfo.cols.protocol = "nopki"
  local offset = 0
  local said = {}
  while offset < tvb:len() do
    local missing
    if not state.next then state.next, missing = first_of_server(stream, tvb) end
    local kind = state.next
    local total
    if kind and kind ~= "none" then total, missing = length_of(kind, tvb, offset) end
    if total and is_forbidden(kind, total) then
      local item = tree:add(nopki, tvb(offset), "nopki, no record")
      item:add_proto_expert_info(forbidden)
      state.next = "none"
      break
    end
    if total and total > tvb:len() - offset then missing = total - (tvb:len() - offset) end
    if missing then
      -- Of a packet that was not captured whole, the rest will not come.
      if tvb:len() == tvb:reported_len() then
        pinfo.desegment_offset = offset
        pinfo.desegment_len = missing
      end
      break
    end
    if not total then
      state.next = "none"
      break
    end
    add_message(kind, state, from, tvb, offset, total, tree)
    table.insert(said, LAYOUTS[kind].title)
    if RECORD_MAX[kind] then state.records = state.records + 1 end
    state.next = FOLLOWERS[kind][stream.version] or "none"
    offset = offset + total
  end
  if #said > 0 then pinfo.cols.info = from .. ": " .. table.concat(said, "; ") end
  return tvb:len()
end

function nopki.dissector(tvb, pinfo, tree)
  local index = tcp_stream().value
  local source = tostring(pinfo.src) .. " " .. pinfo.src_port
  local stream = streams[index]
  if not stream then
    if tvb:len() < 4 then return 0 end
    local version = tvb(0, 4):le_uint()
    if version ~= VERSION_1 and version ~= VERSION_2 then return 0 end
    local number = version == VERSION_1 and 1 or 2
    stream = { client_end = source, version = number }
    stream.client = { next = "hello" .. number, records = 0 }
    stream.server = { records = 0 }
    streams[index] = stream
  end
  return dissect(stream, source == stream.client_end and "client" or "server", tvb, pinfo, tree)
end

local function heuristic(tvb, pinfo, tree)
  if tvb:len() < 4 then return false end
  local version = tvb(0, 4):le_uint()
  if version ~= VERSION_1 and version ~= VERSION_2 then return false end
  pinfo.conversation = nopki
  nopki.dissector(tvb, pinfo, tree)
  return true
end

nopki:register_heuristic("tcp", heuristic)
DissectorTable.get("tcp.port"):add_for_decode_as(nopki)
