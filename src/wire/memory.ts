// What a channel has in linear memory, as byte offsets in each of its parts, derived by addition. Compiled by both asc and tsc, so
// plain numbers only, as in layout.ts. The core works by them, and nopki/inspect draws the memory map by them. Pointers are u32.
//
// What comes first and last in a part that is freed is no secret: libsodium's allocator writes its own numbers there.

const KEY = 32
const POINTER = 4

// libsodium's sizes.
export const HASH_STATE_BYTES = 384
export const KEM_SECRET_KEY_BYTES = 2400

// What all channels of one instance share.
export const ARENA_FREE = 0 // pointer: the first idle record buffer; each holds the next in its first word
export const ARENA_IDLE = ARENA_FREE + POINTER // u32: how many idle buffers there are
export const ARENA_IN_USE = ARENA_IDLE + 4 // u32: bytes allocated and not released, buffers handed out included
export const ARENA_BUFFERS = ARENA_IN_USE + 4 // u32: record buffers handed out
export const ARENA_BYTES = ARENA_BUFFERS + 4

// Version 2's running state.
export const TRANSCRIPT_HASH = 0 // h [32]: the hash of everything said so far
export const TRANSCRIPT_CHAINING_KEY = TRANSCRIPT_HASH + KEY // ck [32]
export const TRANSCRIPT_BOX_KEY = TRANSCRIPT_CHAINING_KEY + KEY // [32]; a KDF's 64 bytes land in ck and the box key at once
export const TRANSCRIPT_STATE = TRANSCRIPT_BOX_KEY + KEY // the state of the hash that is being made
export const TRANSCRIPT_BYTES = TRANSCRIPT_STATE + HASH_STATE_BYTES
// What has to be kept of it from one message to the next.
export const RUNNING_BYTES = TRANSCRIPT_BOX_KEY

// A record cipher. Its first 52 bytes are version 1's crypto_secretstream_xchacha20poly1305_state.
export const CIPHER_KEY = 0
export const CIPHER_NONCE = CIPHER_KEY + KEY // version 2: 4 zeros ‖ n u64
export const CIPHER_COUNTER = CIPHER_NONCE + 4
export const CIPHER_RESERVED = CIPHER_COUNTER + 8
export const CIPHER_TAG = CIPHER_RESERVED + 8 // u8: version 1, of the record opened last
export const CIPHER_VERSION = CIPHER_TAG + 1 // u8
export const CIPHER_HOST_FROM = CIPHER_VERSION + 1 // u16: version 2, the host's cipher gets records from so many bytes on; 0: none
export const CIPHER_LABEL = CIPHER_HOST_FROM + 2 // [16]
export const CIPHER_BYTES = CIPHER_LABEL + 16

// The receiving direction; it starts with its cipher. Places in the record buffer are offsets into it.
export const READER_BUFFER = CIPHER_BYTES // pointer: 0 while nothing is held
export const READER_START = READER_BUFFER + POINTER // u32: where the bytes begin that were received and not yet opened
export const READER_END = READER_START + 4 // u32: where they end
export const READER_USED = READER_END + 4 // u32: how far the buffer was used
export const READER_DATA = READER_USED + 4 // u32: where the bytes begin that were opened and not yet consumed
export const READER_LENGTH = READER_DATA + 4 // u32: how many they are
export const READER_PAYLOAD = READER_LENGTH + 4 // u32: an alert or control that waits behind that data
export const READER_PAYLOAD_LENGTH = READER_PAYLOAD + 4 // u32
export const READER_PARKED = READER_PAYLOAD_LENGTH + 4 // pointer: the start of a record, kept while no buffer is held
export const READER_PARKED_LENGTH = READER_PARKED + POINTER // u32
export const READER_DEBT = READER_PARKED_LENGTH + 4 // u32: what cheap records count for, and is not paid
export const READER_FAILURE = READER_DEBT + 4 // i32: a status that waits behind that data
export const READER_PENDING = READER_FAILURE + 4 // u8: the event that waits behind that data
export const READER_ENDED = READER_PENDING + 1 // u8: the final record or an alert was opened
export const READER_HEADER = READER_ENDED + 1 // u8: version 1, the stream header has come
export const READER_BYTES = READER_HEADER + 1

// The sending direction; it starts with its cipher.
export const WRITER_BUFFER = CIPHER_BYTES // pointer: 0 while nothing waits
export const WRITER_START = WRITER_BUFFER + POINTER // u32: where what waits to be sent begins
export const WRITER_END = WRITER_START + 4 // u32: where it ends, and the next record is written
export const WRITER_UNIT = WRITER_END + 4 // u32: version 1, what is left of the message or record that goes out in one write
export const WRITER_HEADER = WRITER_UNIT + 4 // u8: version 1, the stream header waits behind that unit
export const WRITER_ENDED = WRITER_HEADER + 1 // u8: a final record or an alert was sealed
export const WRITER_SPARE = WRITER_ENDED + 1
export const WRITER_DIRTY = WRITER_SPARE + 2 // u32: how far the host may have written what was not sealed since
export const WRITER_LIMIT = WRITER_DIRTY + 4 // u32: longest record
export const WRITER_BLOCK = WRITER_LIMIT + 4 // u32: records are padded to a multiple, 0 for none
export const WRITER_REKEY_AFTER = WRITER_BLOCK + 4 // u32, in bytes
export const WRITER_SEALED = WRITER_REKEY_AFTER + 4 // u32: bytes under the present key
export const WRITER_RECORDS = WRITER_SEALED + 4 // u32: records under the present key
export const WRITER_BYTES = WRITER_RECORDS + 4

// What a handshake keeps from one message to the next; wiped and freed when it is over.
export const HANDSHAKE_OFFER = 0 // pointer: client, version 2
export const HANDSHAKE_MESSAGE = HANDSHAKE_OFFER + POINTER // pointer: the incoming message, 0 while its length is not known
export const HANDSHAKE_SIZE = HANDSHAKE_MESSAGE + POINTER // u32: its length
export const HANDSHAKE_GOT = HANDSHAKE_SIZE + 4 // u32: how much of it, or of its head, has come
export const HANDSHAKE_HEAD = HANDSHAKE_GOT + 4 // [4]: its first bytes, which say its length
// pointer: further keys. Of a server: secret [32] ‖ public [32] each; of a client: public [32] each, which it accepts beside the expected.
export const HANDSHAKE_MORE_KEYS = HANDSHAKE_HEAD + 4
export const HANDSHAKE_MORE = HANDSHAKE_MORE_KEYS + POINTER // u32: how many
export const HANDSHAKE_SECRET_KEY = HANDSHAKE_MORE + 4 // own long-term key pair
export const HANDSHAKE_PUBLIC_KEY = HANDSHAKE_SECRET_KEY + KEY
export const HANDSHAKE_SESSION_SECRET = HANDSHAKE_PUBLIC_KEY + KEY // own session key pair
export const HANDSHAKE_SESSION_PUBLIC = HANDSHAKE_SESSION_SECRET + KEY
export const HANDSHAKE_RUNNING = HANDSHAKE_SESSION_PUBLIC + KEY // the running transcript: h [32] ‖ ck [32] (version 2)
// Of the addressed key and our session key (client); once both have proved their keys, in its place: the session keys [64], client to
// server ‖ server to client.
export const HANDSHAKE_ADDRESSED_SHARED = HANDSHAKE_RUNNING + RUNNING_BYTES
export const HANDSHAKE_SESSION_KEYS = HANDSHAKE_ADDRESSED_SHARED
export const HANDSHAKE_EXPECTED = HANDSHAKE_SESSION_KEYS + 2 * KEY // the pinned server key (client)
export const HANDSHAKE_ADDRESSED = HANDSHAKE_EXPECTED + KEY // what opens the hello's box (client)
export const HANDSHAKE_PEER_SESSION = HANDSHAKE_ADDRESSED + KEY // the peer's session public key (server)
export const HANDSHAKE_BYTES = HANDSHAKE_PEER_SESSION + KEY

// What version 2's client keeps of its hello.
export const OFFER_HELLO = 0 // the hello that was sent [1292]: the key of a reject's box is derived from it
export const OFFER_KEM_SECRET = OFFER_HELLO + 1292
export const OFFER_SPARE = OFFER_KEM_SECRET + KEM_SECRET_KEY_BYTES
export const OFFER_BYTES = OFFER_SPARE + 4

// The key of the hello's or the reject's box; the label is written where the key comes to lie.
export const BOX_KEY_STATE = KEY // the state of the hash that makes it
export const BOX_KEY_BYTES = BOX_KEY_STATE + HASH_STATE_BYTES

// The scratch memory of one handshake message; it starts with a copy of the transcript. Wiped and freed behind the message.
export const STEP_SHARED = TRANSCRIPT_BYTES // what two session keys share [32]
export const STEP_KEM = STEP_SHARED + KEY // the ML-KEM secret [32]
export const STEP_KEY = STEP_KEM + KEY // what a box held, or is to hold [32]
export const STEP_SEED = STEP_KEY + KEY // of an ML-KEM key, or the coins [64]
export const STEP_LONG_TERM_SHARED = STEP_SEED + 2 * KEY // what a long-term and a session key share [32]
export const STEP_BOX_KEY = STEP_LONG_TERM_SHARED + KEY // version 2
export const STEP_BYTES = STEP_BOX_KEY + BOX_KEY_BYTES

// A channel.
export const CHANNEL_ARENA = 0 // pointer
export const CHANNEL_HANDSHAKE = CHANNEL_ARENA + POINTER // pointer: 0 once the stream is open
export const CHANNEL_STATUS = CHANNEL_HANDSHAKE + POINTER // i32: the first error; it sticks
export const CHANNEL_PHASE = CHANNEL_STATUS + 4 // u8
export const CHANNEL_ROLE = CHANNEL_PHASE + 1 // u8
export const CHANNEL_VERSION = CHANNEL_ROLE + 1 // u8: 0 until known
export const CHANNEL_VERSIONS = CHANNEL_VERSION + 1 // u8: which are served
export const CHANNEL_OPTIONS = CHANNEL_VERSIONS + 1 // u8
export const CHANNEL_KEY_INDEX = CHANNEL_OPTIONS + 1 // u8: of a server's several keys, the one that it proves
export const CHANNEL_REJECT = CHANNEL_KEY_INDEX + 1 // u16: the code of a reject that was received
// Where its handshake, its offer, its latest step and its further keys lie, or lay: for the memory map alone.
export const CHANNEL_HANDSHAKE_PLACE = CHANNEL_REJECT + 2
export const CHANNEL_OFFER_PLACE = CHANNEL_HANDSHAKE_PLACE + POINTER
export const CHANNEL_STEP_PLACE = CHANNEL_OFFER_PLACE + POINTER
export const CHANNEL_MORE_PLACE = CHANNEL_STEP_PLACE + POINTER
export const CHANNEL_MORE_BYTES = CHANNEL_MORE_PLACE + POINTER // u32: how many bytes of further keys there are, or were
export const CHANNEL_PEER_KEY = CHANNEL_MORE_BYTES + 4 // the peer's long-term key, proved from PHASE_PEER_PROVED on
export const CHANNEL_HASH = CHANNEL_PEER_KEY + KEY // handshake hash (version 2)
export const CHANNEL_EXPORTER = CHANNEL_HASH + KEY // exporter secret (version 2)
export const CHANNEL_READER = CHANNEL_EXPORTER + KEY
export const CHANNEL_WRITER = CHANNEL_READER + READER_BYTES
export const CHANNEL_BYTES = CHANNEL_WRITER + WRITER_BYTES
